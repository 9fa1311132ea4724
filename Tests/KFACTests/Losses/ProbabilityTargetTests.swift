import KFAC
import TestSupport
import Testing
import Torch

/// Targets of a categorical distribution that are probabilities.
@Suite struct ProbabilityTargetTests {
    private func loss(_ rows: [Double], mask: Tensor? = nil) throws -> Loss {
        let logits = randomTensor([2, 2], seed: 1)
        return try checkingData {
            Loss(Categorical(logits: logits), targets: Tensor(rows, shape: [2, 2]), mask: mask)
        }
    }

    @Test(arguments: [
        ([0.5, 0.5, -1, 2], "the target -1.0 of example 1 is not a probability from 0 to 1"),
        ([0.5, 0.5, 0, 7], "the target 7.0 of example 1 is not a probability from 0 to 1"),
        ([0.5, 0.5, 0.9, 0.9], "the sum of the targets, 1.8 of example 1 is not 1"),
    ])
    func othersAreRefused(rows: [Double], reason: String) {
        let error = #expect(throws: DataFault.self) { try loss(rows) }
        #expect(error?.description == "Categorical: \(reason)")
        #expect(error?.example == 1)
    }

    @Test func theyMaySumToOneInSinglePrecision() throws {
        #expect(try loss([0.3, 0.7000001, 1, 0]).mean.scalar.isFinite)
    }

    @Test func maskedRowsCanBeAnything() throws {
        #expect(try loss([0.5, 0.5, -1, 7], mask: Tensor([true, false])).mean.scalar.isFinite)
    }
}
