import KFAC

extension Optimizer {
    /// Tells in one line, before the first step computes curvature, what that will take; nothing of other methods.
    func tellMemory(_ tell: @escaping (String) -> Void) {
        (self as? KFACOptimizer)?.onMemoryEstimate = { tell($0.summary(loweredBy: "--dimension-limit")) }
    }
}
