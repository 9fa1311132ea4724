public import Torch

/// A symmetric positive semi-definite matrix that is estimated by a running average over batches.
///
/// A layer's curvature is composed of such factors. The average is known as a ``SymmetricOperator``: dense, diagonal or
/// of some other structure, so that blocks can mix factors of all kinds.
///
/// Blocks derive what they need from the average: damped, inverted, multiplied. The original's way, by inverses that
/// are registered and kept, is ``RegisteredInverses``.
public protocol FisherFactor: AnyObject {
    /// The number of rows of the matrix.
    var dimension: Int { get }

    /// How the factor averages and inverts.
    var settings: FactorSettings { get }

    /// The current average.
    ///
    /// A view of memory that updates write: derive what is to last (damped, scaled, inverted) before the next one.
    var average: any SymmetricOperator { get }

    /// The number of batches that the average has seen.
    var updateCount: Int { get }

    /// Forgets all batches.
    func restart()

    /// Lets the batches so far fade by one in which nothing counted.
    func fade(decay: Double)

    /// Stores the running averages; not what was computed of them.
    func save(to snapshot: inout Snapshot)

    /// Reads what ``save(to:)`` stored.
    func restore(from reader: SnapshotReader)
}

extension FisherFactor {
    /// The mean of the matrix's diagonal.
    public var meanDiagonal: Double { average.trace() / Double(dimension) }

    /// Runs a computation; its failure names this factor.
    func derived<Result>(_ body: () throws(LinearAlgebraError) -> Result) throws(FactorError) -> Result {
        do throws(LinearAlgebraError) {
            return try body()
        } catch {
            throw .linearAlgebra(factor: "\(type(of: self))", error)
        }
    }
}
