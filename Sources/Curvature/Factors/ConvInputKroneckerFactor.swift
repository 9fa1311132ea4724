public import Torch

/// The input-side Kronecker factor of a convolution: Ω = E[p pᵀ] over examples and locations, p a patch.
///
/// Coordinates are in the order [channel][kernel row][kernel column] of the weight's own memory, the bias's constant 1
/// last (Grosse & Martens 2016, section 3; the original puts the channel last instead). Patches that reach over the
/// edge contain the border's zeros. Over 1, 2 or 3 spatial axes, with any stride, padding and dilation.
///
/// With several groups, the factor has a block for each, of its channels' patches; of a depthwise convolution these are
/// as small as the kernel.
///
/// The gradient of a **transposed** convolution is that of its adjoint with input and output exchanged: a sum over the
/// *input's* locations of pixels of x times patches of ds. So the input side, this factor, is E[x xᵀ] over the input's
/// pixels, and ``ConvOutputKroneckerFactor`` holds the patches; both go with a weight taken as a matrix
/// [inputs, outputs · kernel], in its own memory's order. The bias is summed over other locations than those and cannot
/// be a coordinate of this factor: it needs a factor of its own.
public final class ConvInputKroneckerFactor: InverseProvidingFactor {
    /// How the kernel moves.
    public let geometry: ConvolutionGeometry
    /// The number of input channels, of all groups.
    public let channels: Int
    /// Whether the last coordinate (of each group) is the bias's.
    public let hasBias: Bool
    /// The multipliers of the patch's elements, without the bias's, [groups' dimension].
    private let mask: Tensor?
    private let plans: PatchPlans

    /// Creates a factor without statistics.
    ///
    /// - Parameters:
    ///   - channels: The number of input channels, of all groups.
    ///   - hasBias: Whether patches end in a 1; not for transposed convolutions.
    ///   - patchMask: What multiplies each element of a patch, as in a masked convolution:
    ///     [channels / groups, kernel...], or with extents of 1 that repeat.
    public init(
        channels: Int, geometry: ConvolutionGeometry, hasBias: Bool, patchMask: Tensor? = nil,
        settings: FactorSettings = FactorSettings(), dtype: DType = .float32, device: Device = .cpu
    ) {
        guard channels % geometry.groups == 0, !(geometry.isTransposed && (hasBias || patchMask != nil)) else {
            fatalError(
                "ConvInputKroneckerFactor: \(channels) channels, \(geometry), bias \(hasBias): the groups must divide "
                    + "the channels, and transposed convolutions have neither a bias nor a mask here")
        }
        self.geometry = geometry
        self.channels = channels
        plans = PatchPlans(model: settings.costModel)
        self.hasBias = hasBias
        let perGroup = channels / geometry.groups
        mask = patchMask.map { mask in
            let weights = mask.to(dtype).to(device).broadcast(to: [perGroup] + geometry.kernel).flattened()
            return hasBias ? weights.padded([(0, 1)], value: 1) : weights
        }
        let dimension = geometry.isTransposed ? perGroup : geometry.kernel.reduce(perGroup, *) + (hasBias ? 1 : 0)
        super.init(dimension: dimension, groups: geometry.groups, settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - inputs: [batch, channels, spatial...], one for each use of the weight in the batch.
    ///   - decay: ρ of the running average.
    ///   - weight: The number of examples, for the count-weighted rule; that of the first input by default.
    public func update(inputs: [Tensor], decay: Double, weight: Double? = nil) {
        update(uses: inputs.map { ($0, geometry) }, decay: decay, weight: weight ?? Double(inputs[0].shape[0]))
    }

    /// Which form the statistics take for inputs [batch, channels, spatial...] with ``StatisticsForm/automatic``, and
    /// why.
    ///
    /// The batch that was seen first decides; on devices other than the CPU, and for kernels of one pixel, there is
    /// nothing to choose.
    public func formChoice(for shape: [Int]) -> FormChoice {
        FormChoice(shape: shape, geometry: geometry, model: settings.costModel)
    }

    /// Moves the average by a batch in which the kernel moved in several ways.
    func update(uses: [(input: Tensor, geometry: ConvolutionGeometry)], decay: Double, weight: Double) {
        for (input, geometry) in uses where input.rank != geometry.spatialRank + 2 || input.shape[1] != channels {
            fatalError(
                "ConvInputKroneckerFactor.update: an input of shape \(input.shape) for \(channels) channels and a kernel "
                    + "\(geometry.kernel)")
        }
        let moments: [any SecondMoment] = uses.map { input, geometry in
            if geometry.isTransposed { return Rows.channels(of: input).grouped(into: geometry.groups) }
            let moment = Patches.moment(
                of: input, geometry: geometry, hasBias: hasBias, form: settings.statistics,
                plans: plans)
            return mask.map { MaskedMoment(base: moment, mask: $0) } ?? moment
        }
        update(sources: [moments], decay: decay, weight: weight)
    }
}
