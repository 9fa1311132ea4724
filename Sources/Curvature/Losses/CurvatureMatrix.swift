/// Which positive semi-definite matrix stands for the curvature of the loss.
///
/// Both have the form Jᵀ M J, summed over the batch, where J are the derivatives of the distribution's parameters z
/// with respect to the network's. They are the same matrix where z are natural parameters, as for all losses here but
/// ``NormalMeanVariance`` (Martens 2020, "New insights and perspectives on the natural gradient method").
public enum CurvatureMatrix: Sendable, Hashable, Codable, CaseIterable {
    /// The Fisher matrix: M = E[∇log p ∇log pᵀ] over targets drawn from the model.
    case fisher
    /// The generalised Gauss–Newton matrix: M = −∇²log p of the data's targets, with respect to z; positive
    /// semi-definite only where −log p is convex in z.
    case ggn
}
