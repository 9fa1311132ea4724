import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A step on a batch in parts is the step on the whole batch.
@Suite struct MicroBatchTests {
    private func parameters(
        after steps: Int, partSizes: [Int], matrix: CurvatureMatrix = .fisher,
        rule: StepRule = .fixed(learningRate: 0.3), eigenvalues: EigenvalueSource = .factors
    ) throws -> [Tensor] {
        let network = TestNetwork([3, 5, 4], seed: 1) { $0.tanh() }
        let x = randomTensor([12, 3], seed: 2)
        let targets = Tensor([0, 1, 2, 3, 3, 1, 0, 2, 1, 0, 3, 2])
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: rule, eigenvalues: eigenvalues, estimation: .exact, matrix: matrix,
                inverses: .together(every: 2)))
        let starts = partSizes.indices.map { partSizes[..<$0].reduce(0, +) }
        for step in 0..<steps {
            let report = try optimizer.step(parts: partSizes.count) { part in
                let range = starts[part]..<(starts[part] + partSizes[part])
                return Loss(Categorical(logits: network(x[range])), targets: targets[range])
            }
            #expect(report.step == step)
        }
        return network.parameters.map { $0.tensor.detached() }
    }

    @Test(arguments: [[6, 6], [1, 4, 7], Array(repeating: 1, count: 12)], EigenvalueSource.allCases)
    func partsMakeTheWhole(partSizes: [Int], eigenvalues: EigenvalueSource) throws {
        let whole = try parameters(after: 5, partSizes: [12], eigenvalues: eigenvalues)
        for (a, b) in zip(try parameters(after: 5, partSizes: partSizes, eigenvalues: eigenvalues), whole) {
            expectClose(a, b, relative: 1e-10, absolute: 1e-11)
        }
    }

    /// Each coordinate's step has the sign and not the size of its gradient at first: rounding must not decide.
    @Test(
        arguments: [[6, 6], [1, 4, 7]],
        [StepRule.eigenbasisMoments(.init(epsilon: 1e-3)), .grafted(.init(epsilon: 1e-3))])
    func partsMakeTheWholeOfMoments(partSizes: [Int], rule: StepRule) throws {
        let whole = try parameters(after: 5, partSizes: [12], rule: rule)
        for (a, b) in zip(try parameters(after: 5, partSizes: partSizes, rule: rule), whole) {
            expectClose(a, b, relative: 1e-7, absolute: 1e-8)
        }
    }

    @Test func partsThatAreLeftOutMatter() throws {
        let whole = try parameters(after: 5, partSizes: [12])
        let half = try parameters(after: 5, partSizes: [6])
        #expect((whole[0] - half[0]).abs().max().scalar > 1e-3)
    }

    /// Logits are natural parameters, for which the Gauss–Newton matrix is the Fisher matrix.
    @Test func gaussNewtonIsFisherForLogits() throws {
        let fisher = try parameters(after: 3, partSizes: [12])
        for (a, b) in zip(try parameters(after: 3, partSizes: [12], matrix: .ggn), fisher) {
            expectClose(a, b, relative: 1e-10, absolute: 1e-11)
        }
    }
}
