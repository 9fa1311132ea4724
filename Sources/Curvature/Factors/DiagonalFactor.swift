public import Torch

/// A diagonal matrix estimated by a running average of squares.
///
/// Nothing is kept besides the average: inverses and powers are those of the current statistics, and need not be
/// registered. Before the first update the diagonal is ones or zeros, see ``FactorSettings/start``. This is the
/// original's class of the same name.
public class DiagonalFactor: RegisteredInverses {
    /// How the factor averages and inverts.
    public let settings: FactorSettings
    var movingAverage: MovingAverage

    /// Creates a factor without statistics.
    init(dimension: Int, settings: FactorSettings, dtype: DType, device: Device) {
        guard dimension > 0, dtype.isFullPrecision else {
            fatalError("\(Self.self): dimension \(dimension) of type \(dtype); positive and floating-point is needed")
        }
        self.settings = settings
        let start = settings.start == .identity ? 1.0 : 0
        movingAverage = MovingAverage(
            rule: settings.averaging, initialValue: Tensor.full([dimension], start, dtype: dtype, device: device))
    }

    /// The number of rows and columns.
    public var dimension: Int { diagonal.count }

    /// The running average, [dimension]; a view of memory that updates write.
    public var diagonal: Tensor { movingAverage.value }

    /// The current average; a view of memory that updates write.
    public var average: any SymmetricOperator { DiagonalOperator(diagonal) }

    /// The number of batches that the average has seen.
    public var updateCount: Int { movingAverage.updateCount }

    /// Moves the average by a batch: the sum over sources of their mean squares, [dimension] each.
    func update(sources: [Tensor], decay: Double, weight: Double) {
        guard let first = sources.first else { fatalError("\(Self.self).update: no sources") }
        movingAverage.update(with: sources.dropFirst().reduce(first, +), decay: decay, weight: weight)
    }

    /// Lets the batches so far fade by one in which nothing counted.
    public func fade(decay: Double) { movingAverage.fade(decay: decay) }

    public func save(to snapshot: inout Snapshot) { movingAverage.save(to: &snapshot) }

    public func restore(from reader: SnapshotReader) {
        movingAverage.restore(from: reader, of: .squares) { self.movingAverage = $0 }
    }

    public func restart() { movingAverage.restart() }

    /// The power −½ of the current average, damped; part of the original's interface.
    public func inverseCholeskyOperator(damping: Double) throws(FactorError) -> any LinearOperator {
        try powerOperator(-0.5, damping: damping)
    }
}
