public import Torch

/// The curvature of one layer's parameters: a diagonal block of the Fisher matrix.
///
/// A block holds running averages of what it needs and gives the curvature as a ``SymmetricOperator`` on the layer's
/// parameters taken as one vector; from there come products, inverses, powers, factors, trace and determinant.
public protocol CurvatureBlock: AnyObject {
    /// The layer's name in messages and reports.
    var name: String { get }

    /// The parameters, in the order in which their gradients are given and returned.
    var parameters: [NamedParameter] { get }

    /// Whether the statistics come from the gradients of the parameters rather than from the uses of a layer.
    var needsParameterGradients: Bool { get }

    /// Moves the running averages by a batch.
    func updateStatistics(_ statistics: BlockStatistics)

    /// The curvature of the current statistics, damped in the block's way.
    ///
    /// - Parameter damping: λ, in units of the mean loss; 0 for the curvature itself.
    func curvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator

    /// The inverse of the damped curvature of the current statistics.
    func inverseCurvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator

    /// The inverse of the damped curvature in the form that is the cheapest when it is applied so many times.
    func inverseCurvature(damping: Double, applications: Int) throws(LinearAlgebraError) -> any SymmetricOperator

    /// A function that computes the inverse of the damped curvature of the current statistics, at any time and on any
    /// thread.
    ///
    /// The statistics are copied, so that the average can move on meanwhile.
    func inverseUpdate(
        damping: Double
    ) throws(LinearAlgebraError) -> @Sendable () throws(LinearAlgebraError) -> any SymmetricOperator

    /// A function that finds an orthonormal basis in which the curvature of the current statistics is diagonal, or
    /// nearly so, at any time and on any thread; by default ``curvature(damping:)`` in its eigenbasis.
    ///
    /// The statistics are copied, so that the average can move on meanwhile. The basis has the structure of the block's
    /// factors: of a Kronecker product one basis for each side; the coordinate axes for diagonals.
    ///
    /// - Parameter dtype: The type of the numbers to compute with; the result has the parameters' own.
    func eigenbasisUpdate(
        in dtype: DType
    ) throws(LinearAlgebraError) -> @Sendable () throws(LinearAlgebraError) -> any EigenbasisOperator

    /// The mean square of the examples' gradients along each eigenvector of a basis, [dimension, 1], in units of the
    /// mean loss's curvature; nil where the block cannot tell, as by default.
    ///
    /// They are the diagonal of the curvature in that basis, which the factors' eigenvalues only approximate (EK-FAC:
    /// George et al. 2018).
    ///
    /// - Parameters:
    ///   - statistics: Those of a batch, as for ``updateStatistics(_:)``.
    ///   - basis: One of ``eigenbasisUpdate(in:)``.
    func squaredCoordinates(of statistics: BlockStatistics, in basis: any EigenbasisOperator) -> Tensor?

    /// Looks at the current statistics before they are inverted.
    ///
    /// - Parameters:
    ///   - damping: λ.
    ///   - isTight: Whether the eigenvalues are bounded by O(dimension²) work, or by traces alone.
    func examination(damping: Double, isTight: Bool) -> BlockExamination

    /// The mean of the curvature's diagonal.
    var meanDiagonal: Double { get }

    /// The inverse of the damped curvature with the factors replaced by their diagonals.
    func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator

    /// The inverse of the damped curvature by way of double precision; nil if that is no gain.
    func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)?

    /// Begins the running averages anew.
    func restartStatistics()

    /// Stores the running averages.
    func save(to snapshot: inout Snapshot)

    /// Reads what ``save(to:)`` stored.
    func restore(from reader: SnapshotReader)

    /// Tensors in the shapes of the parameters as one vector, [dimension, 1].
    func vector(from tensors: [Tensor]) -> Tensor

    /// One vector, [dimension, 1], as tensors in the shapes of the parameters.
    func tensors(from vector: Tensor) -> [Tensor]
}

extension CurvatureBlock {
    /// False.
    public var needsParameterGradients: Bool { false }

    public func inverseCurvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try curvature(damping: damping).inverse()
    }

    /// nil.
    public func squaredCoordinates(of statistics: BlockStatistics, in basis: any EigenbasisOperator) -> Tensor? { nil }

    /// The same form for any number of applications.
    public func inverseCurvature(
        damping: Double, applications: Int
    ) throws(LinearAlgebraError) -> any SymmetricOperator {
        try inverseCurvature(damping: damping)
    }

    public func inverseUpdate(
        damping: Double
    ) throws(LinearAlgebraError) -> @Sendable () throws(LinearAlgebraError) -> any SymmetricOperator {
        let curvature = try curvature(damping: damping)
        return { () throws(LinearAlgebraError) in try curvature.inverse() }
    }

    public func eigenbasisUpdate(
        in dtype: DType
    ) throws(LinearAlgebraError) -> @Sendable () throws(LinearAlgebraError) -> any EigenbasisOperator {
        eigenbasisUpdate(of: try curvature(damping: 0), in: dtype)
    }

    /// A function that diagonalises a matrix in its own structure.
    func eigenbasisUpdate(
        of matrix: any SymmetricOperator, in dtype: DType
    ) -> @Sendable () throws(LinearAlgebraError) -> any EigenbasisOperator {
        let own = parameters[0].tensor.dtype
        return { () throws(LinearAlgebraError) in
            let basis = try matrix.converted(to: dtype).diagonalized()
            // Converted, an operator keeps its type.
            return basis.converted(to: own) as? any EigenbasisOperator ?? basis
        }
    }

    /// An operator of this block times tensors in the shapes of the parameters.
    public func apply(_ operation: any LinearOperator, to tensors: [Tensor]) -> [Tensor] {
        self.tensors(from: operation.apply(vector(from: tensors)))
    }
}
