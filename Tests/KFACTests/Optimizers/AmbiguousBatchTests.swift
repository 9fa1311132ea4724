import TestSupport
import Testing
import Torch
import TorchNN

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Batches of as many examples as images have rows leave it open which axis is that of the examples, where batch
/// normalisation ties examples together.
@Suite struct AmbiguousBatchTests {
    /// A convolution, batch normalisation and a linear layer, on images of 4 x 4.
    private struct Subject {
        let network: Sequential
        let optimizer: KFACOptimizer

        init() {
            var generator = RandomGenerator(seed: 1)
            network = Sequential(
                Convolution2D(1, 3, kernel: 3, padding: 1, using: &generator), BatchNormalization(3), Flatten(),
                Linear(48, 2, using: &generator))
            optimizer = KFACOptimizer(
                network.namedParameters,
                configuration: .init(rule: .fixed(learningRate: .constant(0.05)), damping: 0.1),
                generator: RandomGenerator(seed: 2))
        }

        func step(_ count: Int, _ number: Int) throws {
            let images = randomTensor([count, 1, 4, 4], seed: 50 + UInt64(number), dtype: .float32)
            let labels = Tensor((0..<count).map { ($0 + number) % 2 })
            try optimizer.step { Loss(Categorical(logits: network(images)), targets: labels) }
        }

        var bits: [UInt32] {
            network.namedParameters.flatMap { $0.tensor.detached().flattened().array(of: Float.self).map(\.bitPattern) }
        }
    }

    /// The numbers of examples of the batches: with four, the axis is open.
    static let batches = [[4, 3, 5, 4], [3, 4, 5, 3], [4, 4, 3, 3]]

    @Test(arguments: batches) func theFirstBatchDecides(counts: [Int]) throws {
        let subject = Subject()
        for (number, count) in counts.enumerated() { try subject.step(count, number) }
        #expect(subject.optimizer.stepCount == counts.count)
    }

    /// What the first batch decided goes with the state, whatever batch a resumed run begins with.
    @Test(arguments: batches, 1...3) func aResumedRunKeepsWhatTheFirstBatchDecided(counts: [Int], stop: Int) throws {
        let whole = Subject()
        let resumed = Subject()
        for (number, count) in counts.enumerated() {
            try whole.step(count, number)
            guard number + 1 == stop else { continue }
            try resumed.network.load(state: whole.network.state())
            try resumed.optimizer.load(whole.optimizer.state())
        }
        for (number, count) in counts.enumerated().dropFirst(stop) { try resumed.step(count, number) }
        #expect(resumed.bits == whole.bits)
    }
}
