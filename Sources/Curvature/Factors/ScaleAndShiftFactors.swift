public import Torch

// The curvature of s = γ ∘ x + β, as after a batch, layer or group normalisation. An example's gradient sums over all
// axes that γ does not have: ∂γ = Σ x ∘ ds, ∂β = Σ ds (Osawa et al. 2019; the original's successor).

/// The full Fisher matrix of a normalisation's scales and shifts: E[g gᵀ] over examples, g = (∂γ, ∂β) of one example.
///
/// The successor's `ScaleAndShiftFullFactor`.
public final class ScaleAndShiftFullFactor: InverseProvidingFactor {
    private let layout: ScaleAndShiftLayout

    /// Creates a factor without statistics.
    ///
    /// - Parameters:
    ///   - count: The number of elements of γ.
    ///   - axes: The axes of the input that γ has, ascending; not the first one.
    ///   - hasShift: Whether there is a β, which then has γ's shape.
    public init(
        count: Int, axes: [Int], hasShift: Bool = true, settings: FactorSettings = FactorSettings(),
        dtype: DType = .float32, device: Device = .cpu
    ) {
        layout = ScaleAndShiftLayout(count: count, axes: axes, hasShift: hasShift)
        super.init(dimension: layout.dimension, settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - inputs: x of each use, [batch, ...].
    ///   - outputGradients: For each source, ds of each use, in the shape of x. The sources' moments, each a mean over
    ///     examples, are *summed*.
    ///   - decay: ρ of the running average.
    ///   - weight: For the count-weighted rule; the number of examples by default.
    public func update(inputs: [Tensor], outputGradients: [[Tensor]], decay: Double, weight: Double? = nil) {
        let rows: [[any SecondMoment]] = outputGradients.map {
            [Rows.last(of: layout.gradients(inputs: inputs, outputGradients: $0))]
        }
        update(sources: rows, decay: decay, weight: weight ?? Double(inputs[0].shape[0]))
    }
}

/// The diagonal of the Fisher matrix of a normalisation's scales and shifts: E[g∘g], g = (∂γ, ∂β) of one example.
///
/// The successor's `ScaleAndShiftDiagonalFactor`.
public final class ScaleAndShiftDiagonalFactor: DiagonalFactor {
    private let layout: ScaleAndShiftLayout

    /// Creates a factor without statistics.
    ///
    /// - Parameters:
    ///   - count: The number of elements of γ.
    ///   - axes: The axes of the input that γ has, ascending; not the first one.
    ///   - hasShift: Whether there is a β, which then has γ's shape.
    public init(
        count: Int, axes: [Int], hasShift: Bool = true, settings: FactorSettings = FactorSettings(),
        dtype: DType = .float32, device: Device = .cpu
    ) {
        layout = ScaleAndShiftLayout(count: count, axes: axes, hasShift: hasShift)
        super.init(dimension: layout.dimension, settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch; the parameters are those of
    /// ``ScaleAndShiftFullFactor/update(inputs:outputGradients:decay:weight:)``.
    public func update(inputs: [Tensor], outputGradients: [[Tensor]], decay: Double, weight: Double? = nil) {
        let squares = outputGradients.map {
            layout.gradients(inputs: inputs, outputGradients: $0).squared().mean(0)
        }
        update(sources: squares, decay: decay, weight: weight ?? Double(inputs[0].shape[0]))
    }
}

/// The Fisher matrix of a normalisation's scales and shifts, unit by unit: E[[∂γ², ∂γ ∂β], [∂γ ∂β, ∂β²]].
///
/// All functions of the 2x2 matrices are in closed form, so nothing is kept and nothing is ever stale (Osawa et al.
/// 2019). Neither version of the original has it.
public final class ScaleAndShiftUnitwiseFactor: FisherFactor {
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

/// Which axes of a tensor scales and shifts have.
struct ScaleAndShiftLayout {
    /// The number of scales.
    let count: Int
    /// The axes of the input that they have, ascending.
    let axes: [Int]
    /// Whether there are as many shifts.
    let hasShift: Bool

    var dimension: Int { hasShift ? 2 * count : count }

    /// The gradient of each example, summed over uses: [batch, dimension], the scales' part first.
    func gradients(inputs: [Tensor], outputGradients: [Tensor]) -> Tensor {
        let uses = zip(inputs, outputGradients).map { input, gradient in
            let scale = summed(input * gradient)
            return hasShift ? Tensor.concatenate([scale, summed(gradient)], axis: 1) : scale
        }
        guard inputs.count == outputGradients.count, let first = uses.first else {
            fatalError("scale-and-shift factor: \(inputs.count) inputs with \(outputGradients.count) gradients")
        }
        return uses.dropFirst().reduce(first, +)
    }

    /// The sum over the axes that the scales lack, [batch, count].
    private func summed(_ x: Tensor) -> Tensor {
        guard axes.allSatisfy({ (1..<x.rank).contains($0) }), axes.map({ x.shape[$0] }).reduce(1, *) == count else {
            fatalError(
                "scale-and-shift factor: a tensor of shape \(x.shape) for \(count) scales along the axes \(axes)")
        }
        let others = (1..<x.rank).filter { !axes.contains($0) }
        return (others.isEmpty ? x : x.sum(axes: others)).flattened(from: 1)
    }
}
