public import Torch

extension FactorBlock {
    /// Creates a block with the exact diagonal of a linear layer or a convolution; nil for other operations.
    ///
    /// Exact for any number of positions and uses: each example's gradient is formed. (The original's
    /// `FullyConnectedDiagonalFB` and `ConvDiagonalFB`.)
    public convenience init?(
        diagonalOf weight: NamedParameter, bias: NamedParameter?, operation: LayerUse.Operation,
        settings: FactorSettings = FactorSettings()
    ) {
        let shape = weight.tensor.shape
        let (dtype, device) = (weight.tensor.dtype, weight.tensor.device)
        let parameters = [weight] + (bias.map { [$0] } ?? [])
        switch operation {
        case .linear:
            let factor = FullyConnectedDiagonalFactor(
                inputs: shape[1], outputs: shape[0], hasBias: bias != nil, settings: settings, dtype: dtype,
                device: device)
            self.init(parameters, factor: factor) { statistics in
                factor.update(
                    inputs: statistics.uses.map(\.input), outputGradients: statistics.gradientsOfExampleMean,
                    decay: statistics.decay, weight: statistics.normalizer)
            }
        case .transposedLinear where bias == nil:
            // The weight's memory is that of the transposed gradient: both sides change places.
            let factor = FullyConnectedDiagonalFactor(
                inputs: shape[1], outputs: shape[0], hasBias: false, settings: settings, dtype: dtype, device: device)
            self.init(parameters, factor: factor) { statistics in
                factor.update(
                    products: statistics.gradientsOfExampleMean.map { (statistics.uses.map(\.input), $0) },
                    decay: statistics.decay, weight: statistics.normalizer)
            }
        case .convolution(let geometry):
            let (first, second) = (shape[0], shape[1] * geometry.groups)
            let factor = ConvDiagonalFactor(
                inputs: geometry.isTransposed ? first : second, outputs: geometry.isTransposed ? second : first,
                geometry: geometry, hasBias: bias != nil, settings: settings, dtype: dtype, device: device)
            self.init(parameters, factor: factor) { statistics in
                factor.update(
                    uses: statistics.uses.map { ($0.input, $0.operation.geometry ?? geometry) },
                    outputGradients: statistics.gradientsOfExampleMean, decay: statistics.decay,
                    weight: statistics.normalizer)
            }
        default:
            return nil
        }
    }

    /// Creates a block for the scales, and shifts if there are any, of s = γ ∘ x + β, from each example's gradient.
    ///
    /// - Parameters:
    ///   - scale: γ.
    ///   - shift: β.
    ///   - axes: The axes of the input that γ has.
    ///   - approximation: ``Approximation/full``, ``Approximation/diagonal`` or ``Approximation/unitwise``, which needs
    ///     a shift; nil is returned for others.
    ///   - settings: How the factor averages.
    public convenience init?(
        scale: NamedParameter, shift: NamedParameter?, axes: [Int], approximation: Approximation,
        settings: FactorSettings = FactorSettings()
    ) {
        let (count, dtype, device) = (scale.tensor.count, scale.tensor.dtype, scale.tensor.device)
        let parameters = [scale] + (shift.map { [$0] } ?? [])
        switch approximation {
        case .full:
            let factor = ScaleAndShiftFullFactor(
                count: count, axes: axes, hasShift: shift != nil, settings: settings, dtype: dtype, device: device)
            self.init(parameters, factor: factor) { statistics in
                factor.update(
                    inputs: statistics.uses.map(\.input), outputGradients: statistics.gradientsOfExampleMean,
                    decay: statistics.decay, weight: statistics.normalizer)
            }
        case .diagonal:
            let factor = ScaleAndShiftDiagonalFactor(
                count: count, axes: axes, hasShift: shift != nil, settings: settings, dtype: dtype, device: device)
            self.init(parameters, factor: factor) { statistics in
                factor.update(
                    inputs: statistics.uses.map(\.input), outputGradients: statistics.gradientsOfExampleMean,
                    decay: statistics.decay, weight: statistics.normalizer)
            }
        case .unitwise where shift != nil:
            let factor = ScaleAndShiftUnitwiseFactor(
                count: count, axes: axes, settings: settings, dtype: dtype, device: device)
            self.init(parameters, factor: factor) { statistics in
                factor.update(
                    inputs: statistics.uses.map(\.input), outputGradients: statistics.gradientsOfExampleMean,
                    decay: statistics.decay, weight: statistics.normalizer)
            }
        default:
            return nil
        }
    }

    /// Creates a block for a bias by itself: E[b bᵀ] over examples, b the sum of an example's output gradients over
    /// positions and uses, which may be those of different layers.
    ///
    /// Exact. ``Approximation/full`` or ``Approximation/diagonal``; nil is returned for others.
    public convenience init?(
        bias: NamedParameter, approximation: Approximation, settings: FactorSettings = FactorSettings()
    ) {
        let (count, dtype, device) = (bias.tensor.count, bias.tensor.dtype, bias.tensor.device)
        func update(_ statistics: BlockStatistics, _ move: ([Tensor], Double, Double) -> Void) {
            let gradients = statistics.gradientsOfExampleMean.map { source in
                let uses = zip(statistics.uses, source).map { $0.biasGradient(from: $1) }
                return uses.dropFirst().reduce(uses[0], +)
            }
            move(gradients, statistics.decay, statistics.normalizer)
        }
        switch approximation {
        case .full:
            let factor = FullyConnectedKroneckerFactor(
                features: count, settings: settings, dtype: dtype, device: device)
            self.init([bias], factor: factor) { update($0) { factor.update($0, decay: $1, weight: $2) } }
        case .diagonal:
            let factor = DiagonalKroneckerFactor(features: count, settings: settings, dtype: dtype, device: device)
            self.init([bias], factor: factor) { update($0) { factor.update($0, decay: $1, weight: $2) } }
        default:
            return nil
        }
    }

    /// Creates a block for any parameters, from their gradient g of the sum of a batch's losses: g gᵀ / batch size, or
    /// its diagonal.
    ///
    /// An unbiased but very noisy estimate with ``Estimation/sampled(draws:)`` and
    /// ``Estimation/curvaturePropagation(draws:)``, whose examples are independent with mean zero. The other modes
    /// give gradients of single examples, or of small groups with random signs. (The original's `NaiveDiagonalFB` and
    /// `FullFB`.)
    public convenience init(
        generic parameters: [NamedParameter], isFull: Bool, settings: FactorSettings = FactorSettings()
    ) {
        guard let first = parameters.first?.tensor else { fatalError("FactorBlock: no parameters") }
        let dimension = parameters.reduce(0) { $0 + $1.tensor.count }
        if isFull {
            let factor = NaiveFullFactor(
                dimension: dimension, settings: settings, dtype: first.dtype, device: first.device)
            self.init(parameters, factor: factor, needsParameterGradients: true) { statistics in
                factor.update(
                    gradients: statistics.parameterGradients, normalizer: statistics.normalizer,
                    decay: statistics.decay)
            }
        } else {
            let factor = NaiveDiagonalFactor(
                dimension: dimension, settings: settings, dtype: first.dtype, device: first.device)
            self.init(parameters, factor: factor, needsParameterGradients: true) { statistics in
                factor.update(
                    gradients: statistics.parameterGradients, normalizer: statistics.normalizer,
                    decay: statistics.decay)
            }
        }
    }
}

extension LayerUse {
    /// The gradient of each example with respect to the bias, [batch, count]: that of the pre-activation, summed over
    /// the axes that the bias lacks.
    func biasGradient(from gradient: Tensor) -> Tensor {
        let axes =
            switch operation {
            case .linear, .transposedLinear, .embedding: [gradient.rank - 1]
            case .convolution: [1]
            case .scaleAndShift(let axes): axes
            case .custom(let name): fatalError("FactorBlock: a bias of \(name), of which nothing is known")
            }
        let others = (1..<gradient.rank).filter { !axes.contains($0) }
        return (others.isEmpty ? gradient : gradient.sum(axes: others)).flattened(from: 1)
    }
}
