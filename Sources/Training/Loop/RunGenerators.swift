public import Torch

/// The sources of a run's random numbers: all follow from one seed, each with a sequence of its own.
public struct RunGenerators: Sendable {
    /// Draws the initial parameters, on the CPU: they are the same on all devices.
    public var parameters: RandomGenerator
    /// Draws the batches, on the CPU.
    public var batches: RandomGenerator
    /// Draws what the optimiser draws, on the parameters' device.
    public var optimizer: RandomGenerator

    /// Creates the sources; equal seeds give equal sequences.
    public init(seed: UInt64, device: Device) {
        var root = RandomGenerator(seed: seed)
        let seeds = root.integers([3], in: 0..<Int.max).array(of: Int.self).map(UInt64.init)
        parameters = RandomGenerator(seed: seeds[0])
        batches = RandomGenerator(seed: seeds[1])
        optimizer = RandomGenerator(seed: seeds[2], device: device)
    }
}
