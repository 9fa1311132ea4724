import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Steps and batches near the greatest integer: numbers or refusals by name, never an overflow.
@Suite struct ExtremeNumberTests {
    @Test(arguments: [0, 1, 1 << 60, Int.max]) func schedulesHaveANumberAtEachStep(step: Int) {
        let schedules: [Schedule] = [
            .linear(from: 1, to: 0, steps: .max), .cosine(from: 1, to: 0, steps: .max),
            .polynomial(from: 1, to: 0, power: 2, steps: .max), .exponential(from: 1, factor: 0.5),
            .inverseSquareRoot(from: 1, steps: .max), .piecewise(from: 1, changes: [.init(at: .max, to: 0.5)]),
            .warmUp(steps: .max, 1), .warmUp(steps: 1, .linear(from: 1, to: 0, steps: 3)), .warmUp(steps: -1, 1),
        ]
        for schedule in schedules {
            #expect((0...1).contains(schedule(step)), "\(schedule) at \(step)")
            #expect(schedule.extremes.allSatisfy { (0...1).contains($0) })
        }
    }

    /// The closure sees ranges within the batch, whatever its size is said to be.
    @Test(arguments: [Int.max, Int.max - 1, 1 << 62]) func batchesOfManyExamples(count: Int) throws {
        struct Stop: Error {}
        let layer = TestLayer([3, 2], seed: 1)
        for (size, fraction) in [(Int.max, 1.0), (Int.max, 0.75), (1 << 61, 1)] {
            var configuration = KFACOptimizer.Configuration()
            configuration.statisticsFraction = fraction
            let optimizer = KFACOptimizer(layer.named("layer"), configuration: configuration)
            var ranges: [Range<Int>] = []
            #expect(throws: Stop.self) {
                try optimizer.step(examples: count, inPartsOf: size) { range in
                    ranges.append(range)
                    if range.upperBound == count || fraction < 1 && ranges.count == 2 { throw Stop() }
                    let mean = layer(randomTensor([4, 2], seed: 2))
                    return Loss(Normal(mean: mean), targets: Tensor.zeros(mean.shape, dtype: .float64))
                }
            }
            #expect(ranges[0].lowerBound == 0 && ranges.allSatisfy { $0.upperBound <= count })
        }
    }
}
