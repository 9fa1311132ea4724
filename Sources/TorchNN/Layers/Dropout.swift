public import Torch

/// In training, sets each element to zero with a fixed probability and enlarges the others, so that the mean stays.
///
/// Any shape stays so. In evaluation the input is returned as it is. The layer owns its generator: what one layer
/// drops depends on its seed and on how often it was used, and on nothing else.
public final class Dropout: StochasticModule, ModeDependent {
    /// The probability with which an element becomes zero.
    public let probability: Double
    /// The source of the random numbers.
    public var generator: RandomGenerator
    /// The mode of the layer.
    public var mode = ModuleMode.training

    /// Creates a layer with a generator derived from another.
    ///
    /// - Parameters:
    ///   - probability: From 0 to below 1.
    ///   - device: Where the inputs will lie.
    public init(_ probability: Double, device: Device = .cpu, using generator: inout RandomGenerator) {
        guard (0..<1).contains(probability) else {
            fatalError("Dropout: the probability \(probability) is not in 0..<1")
        }
        self.probability = probability
        let seed = generator.integers([1], in: 0..<Int.max).array(of: Int.self)[0]
        self.generator = RandomGenerator(seed: UInt64(seed), device: device)
    }

    /// Applies the layer.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard mode == .training, probability > 0 else { return input }
        let kept = 1 - probability
        return input * (generator.bernoulli(Tensor.full(like: input.detached(), kept)) / kept)
    }
}
