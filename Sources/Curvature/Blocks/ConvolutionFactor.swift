import Torch

/// The factor of a side of a convolution: with all its entries, or in blocks of patches or of pixels.
enum ConvolutionFactor {
    case input(ConvInputKroneckerFactor)
    case output(ConvOutputKroneckerFactor)
    case blocks(BlockDiagonalFactor, ofPatches: Bool)

    /// Makes the factor of what goes in.
    init(
        inputOf weight: Tensor, geometry: ConvolutionGeometry, hasBias: Bool, shape: FactorShape,
        settings: FactorSettings
    ) {
        let (dtype, device) = (weight.dtype, weight.device)
        if case .blocks(let layout) = shape {
            let factor = BlockDiagonalFactor(layout, settings: settings, dtype: dtype, device: device)
            self = .blocks(factor, ofPatches: !geometry.isTransposed)
            return
        }
        let channels = geometry.isTransposed ? weight.shape[0] : weight.shape[1] * geometry.groups
        self = .input(
            ConvInputKroneckerFactor(
                channels: channels, geometry: geometry, hasBias: hasBias, settings: settings, dtype: dtype,
                device: device))
    }

    /// Makes the factor of the gradients of what comes out.
    init(outputOf weight: Tensor, geometry: ConvolutionGeometry, shape: FactorShape, settings: FactorSettings) {
        let (dtype, device) = (weight.dtype, weight.device)
        if case .blocks(let layout) = shape {
            let factor = BlockDiagonalFactor(layout, settings: settings, dtype: dtype, device: device)
            self = .blocks(factor, ofPatches: geometry.isTransposed)
            return
        }
        self = .output(
            ConvOutputKroneckerFactor(
                channels: geometry.isTransposed ? weight.shape[1] * geometry.groups : weight.shape[0],
                geometry: geometry.groups > 1 || geometry.isTransposed ? geometry : nil, settings: settings,
                dtype: dtype, device: device))
    }

    var factor: any FisherFactor {
        switch self {
        case .input(let factor): factor
        case .output(let factor): factor
        case .blocks(let factor, _): factor
        }
    }

    /// Moves the average by images, [batch, channels, spatial...], for each source and use.
    ///
    /// - Parameter geometries: How the kernel moves in each use.
    func update(_ sources: [[Tensor]], geometries: [ConvolutionGeometry], decay: Double, weight: Double) {
        switch self {
        case .input(let factor):
            // Inputs are one source.
            factor.update(uses: Array(zip(sources[0], geometries)), decay: decay, weight: weight)
        case .output(let factor):
            factor.update(uses: sources, geometries: geometries, decay: decay, weight: weight)
        case .blocks(let factor, ofPatches: true):
            let images = sources.map { zip($0, geometries.map(\.forward)).map { (images: $0, geometry: $1) } }
            factor.update(patchesOf: images, decay: decay, weight: weight)
        case .blocks(let factor, ofPatches: false):
            factor.update(rows: sources.map { $0.map { Rows.channels(of: $0) } }, decay: decay, weight: weight)
        }
    }

    /// Moves the average by vectors, for each source.
    func update(rows sources: [[Rows]], decay: Double, weight: Double) {
        switch self {
        case .input(let factor): factor.update(sources: sources, decay: decay, weight: weight)
        case .output(let factor): factor.update(sources: sources, decay: decay, weight: weight)
        case .blocks(let factor, _): factor.update(rows: sources, decay: decay, weight: weight)
        }
    }

    /// Lets the batches so far fade by one in which nothing counted.
    func fade(decay: Double) { factor.fade(decay: decay) }
}
