import Datasets
import Foundation
import Torch
import TorchNN

extension FuzzTarget {
    /// What goes on from a state that a file holds.
    static let states: [FuzzTarget] = [generatorState, samplerState, moduleState]

    private static let generatorState = FuzzTarget(
        "generator-state", executions: 2000, refusals: [RandomGeneratorStateError.self]
    ) { bytes in
        var generator = RandomGenerator(seed: 1)
        try generator.restore(bytes)
        let uniform = generator.uniform([700], dtype: .float64)
        try require(((uniform .>= 0) .& (uniform .< 1)).all(), "a uniform number is outside of 0..<1")
        try require(generator.normal([3]).isFinite().all(), "a normal number is not finite")
        try require(generator.permutation(20).array(of: Int.self).sorted() == Array(0..<20), "no permutation")
        var other = RandomGenerator(seed: 2)
        try other.restore(generator.state)
    }

    private static let samplerState = FuzzTarget(
        "sampler-state", executions: 300, isText: true, refusals: [DecodingError.self, BatchSamplerStateError.self]
    ) { bytes in
        let state = try JSONDecoder().decode(BatchSampler.State.self, from: Data(bytes))
        for partialBatch in [BatchSampler.PartialBatch.keep, .drop] {
            for size in [7, BatchSize.growing(from: 3, steps: 9)] {
                var sampler = BatchSampler(
                    count: 40, batchSize: size, partialBatch: partialBatch, generator: RandomGenerator(seed: 1))
                try sampler.restore(state)
                _ = sampler.batchesLeft(epochs: 3)
                for _ in 0..<10 {
                    let positions = sampler.next().array(of: Int.self)
                    try require(!positions.isEmpty && positions.allSatisfy((0..<40).contains), "\(positions)")
                }
            }
        }
    }

    private static let moduleState = FuzzTarget(
        "module-state", executions: 1000, refusals: [SafetensorsError.self, ModuleStateError.self],
        repair: repairLength
    ) { bytes in
        let state = try Safetensors(data: Data(bytes)).tensors
        var generator = RandomGenerator(seed: 1)
        let model = Sequential(Linear(3, 2, using: &generator), BatchNormalization(2), Dropout(0.5, using: &generator))
        let before = model.state()
        do { try model.load(state: state) } catch {
            let after = model.state()
            let isUntouched = before.allSatisfy { after[$0]!.array(of: Float.self) == $1.array(of: Float.self) }
            try require(isUntouched, "a state that was refused is partly written")
            throw error
        }
        try require(model(Tensor.ones([4, 3])).shape == [4, 2], "the model does not run")
    }
}
