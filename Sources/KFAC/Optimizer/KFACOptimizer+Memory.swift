public import Optimization
import Torch

extension KFACOptimizer {
    /// The memory of the layers' curvature; nil before the first step, which finds out what layers there
    /// are.
    public var memoryEstimate: MemoryEstimate? { curvature.memoryEstimate }

    /// Is told what the curvature will take as soon as that is known: in the first step, before any of it is computed;
    /// and again where new layers come in.
    public var onMemoryEstimate: ((MemoryEstimate) -> Void)? {
        get { curvature.layers.onMemory }
        set { curvature.layers.onMemory = newValue }
    }

    /// The memory that the layers' curvature will take, from one run of the model; nothing is allocated for it.
    ///
    /// To be told before the first step, which ends with
    /// ``/Curvature/CurvatureError/memoryExceeded(needed:available:largest:)`` where it is more than this machine has.
    ///
    /// - Parameter loss: Runs the model, as for a step.
    /// - Throws: What `loss` throws, and ``/Optimization/OptimizerError`` where the choices do not fit the model.
    public func memoryEstimate(for loss: () throws -> Loss) throws -> MemoryEstimate {
        let (loss, uses) = try recordingLayerUses(loss)
        return try curvature.layers.memory(for: uses, of: loss, estimation: configuration.estimation)
    }
}
