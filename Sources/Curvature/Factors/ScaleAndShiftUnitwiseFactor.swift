public import Torch

/// The Fisher matrix of a normalisation's scales and shifts, unit by unit: E[[∂γ², ∂γ ∂β], [∂γ ∂β, ∂β²]].
///
/// All functions of the 2x2 matrices are in closed form, so nothing is kept and nothing is ever stale (Osawa et al.
/// 2019). Neither version of the original has it.
public final class ScaleAndShiftUnitwiseFactor: RegisteredInverses {
    /// How the factor averages and inverts.
    public let settings: FactorSettings
    private let layout: ScaleAndShiftLayout
    /// E[∂γ²], E[∂γ ∂β], E[∂β²]: [3, count].
    private(set) var movingAverage: MovingAverage

    /// Creates a factor without statistics.
    ///
    /// - Parameters:
    ///   - count: The number of elements of γ, and of β.
    ///   - axes: The axes of the input that γ has, ascending; not the first one.
    public init(
        count: Int, axes: [Int], settings: FactorSettings = FactorSettings(), dtype: DType = .float32,
        device: Device = .cpu
    ) {
        layout = ScaleAndShiftLayout(count: count, axes: axes, hasShift: true)
        self.settings = settings
        let start = Tensor.zeros([3, count], dtype: dtype, device: device)
        if settings.start == .identity {
            start[0].fill(1)
            start[2].fill(1)
        }
        movingAverage = MovingAverage(rule: settings.averaging, initialValue: start)
    }

    /// The number of rows and columns.
    public var dimension: Int { layout.dimension }

    /// The current average, copied.
    public var average: any SymmetricOperator {
        let value = movingAverage.value.copy()
        return UnitwiseOperator(first: value[0], mixed: value[1], second: value[2])
    }

    /// The number of batches that the average has seen.
    public var updateCount: Int { movingAverage.updateCount }

    public func save(to snapshot: inout Snapshot) { movingAverage.save(to: &snapshot) }

    public func restore(from reader: SnapshotReader) {
        movingAverage.restore(from: reader, of: .others) { self.movingAverage = $0 }
    }

    /// Moves the average by a batch; the parameters are those of
    /// ``ScaleAndShiftFullFactor/update(inputs:outputGradients:decay:weight:)``.
    public func update(inputs: [Tensor], outputGradients: [[Tensor]], decay: Double, weight: Double? = nil) {
        let moments = outputGradients.map { source in
            let gradients = layout.gradients(inputs: inputs, outputGradients: source)
            let (scale, shift) = (gradients[.all, 0..<layout.count], gradients[.all, layout.count...])
            return Tensor.stack([scale.squared().mean(0), (scale * shift).mean(0), shift.squared().mean(0)])
        }
        guard let first = moments.first else { fatalError("ScaleAndShiftUnitwiseFactor.update: no sources") }
        movingAverage.update(
            with: moments.dropFirst().reduce(first, +), decay: decay, weight: weight ?? Double(inputs[0].shape[0]))
    }

    public func restart() { movingAverage.restart() }

    public func fade(decay: Double) { movingAverage.fade(decay: decay) }
}
