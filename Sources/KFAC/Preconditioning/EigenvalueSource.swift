/// The origin of the eigenvalues of the curvature that preconditions.
///
/// Of a layer with the factors A = Q_A Λ_A Q_Aᵀ and G = Q_G Λ_G Q_Gᵀ, the curvature in the basis Q_G ⊗ Q_A.
public enum EigenvalueSource: String, Sendable, Hashable, Codable, CaseIterable {
    /// The factors: c Λ_G ⊗ Λ_A, K-FAC. Inverses need no basis then.
    case factors
    /// The gradients of the examples: E[(Q_Gᵀ g Q_A)²], EK-FAC (George et al. 2018).
    ///
    /// Among all matrices that are diagonal in that basis, it is the nearest to the Fisher matrix. The mean squares are
    /// a running average, with the decay of the statistics, of the batches that statistics are taken of; it begins with
    /// the factors' eigenvalues, which count as 32 examples. When a basis is computed again, they become (T ∘ T) s with
    /// T from the old basis to the new one, as the squares of ``EigenbasisMoments`` do. Damping is added to the
    /// eigenvalues, that of the step in progress: ``/Curvature/FactorSettings/dampingSplit`` has no effect.
    ///
    /// Exact for linear layers and convolutions of all kinds. Other layers keep their own eigenvalues in their own
    /// basis: scales, shifts and generic diagonals, whose diagonal is that of the examples anyway, embeddings, weights
    /// of several kinds of use, time series, and layers with positions that are masked inside the model.
    ///
    /// Costs an eigendecomposition of each factor (about 9 n³) in the place of inverses, two more products with each
    /// basis a step, and for each batch of statistics a product as for the weight's gradient: more for convolutions,
    /// whose examples' gradients are formed. Take them of a share of the batch.
    case examples
}
