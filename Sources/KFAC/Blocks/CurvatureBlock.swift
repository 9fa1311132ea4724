import Torch

/// The curvature of one layer's parameters: a diagonal block of the Fisher matrix.
protocol CurvatureBlock: AnyObject {
    /// What messages and reports call the layer.
    var name: String { get }
    /// The parameters, in the order of the gradients given to ``preconditioned(_:)``.
    var parameters: [NamedParameter] { get }

    /// Moves the running averages by a batch.
    func updateStatistics(_ statistics: BlockStatistics)

    /// Computes the damped inverse from the current statistics.
    ///
    /// - Parameter damping: λ, in units of the mean loss.
    func updateInverse(damping: Double) throws(FactorError)

    /// The stored, possibly stale damped inverse times the gradients.
    func preconditioned(_ gradients: [Tensor]) -> [Tensor]
}

/// What a batch tells of one layer.
struct BlockStatistics {
    /// Each use of the layer's weight.
    let uses: [LayerUse]
    /// For each source, the gradient with respect to each use's pre-activation.
    let gradients: [[Tensor]]
    /// The number of examples.
    let batchSize: Int
    /// The decay ρ of the running averages.
    let decay: Double
}
