public import Optimization
import Torch

extension KFACOptimizer {
    /// What the curvature of the layers takes of memory; nil before the first step, which finds out what layers there are.
    public var memoryEstimate: MemoryEstimate? { layers.memory }

    /// What the curvature of the layers will take of memory, from one run of the model; nothing is allocated for it.
    ///
    /// To be told before the first step, which ends with ``/Optimization/OptimizerError/memoryExceeded(needed:available:largest:)``
    /// where it is more than this machine has.
    ///
    /// - Parameter loss: Runs the model, as for a step.
    /// - Throws: What `loss` throws, and ``/Optimization/OptimizerError`` where the choices do not fit the model.
    public func memoryEstimate(for loss: () throws -> Loss) throws -> MemoryEstimate {
        let (loss, uses) = try recordingLayerUses(loss)
        return try layers.memory(for: uses, of: loss, estimation: configuration.estimation)
    }
}
