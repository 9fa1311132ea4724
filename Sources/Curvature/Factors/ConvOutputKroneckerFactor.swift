public import Torch

/// The output-side Kronecker factor of a convolution: Γ = E[ds dsᵀ] over examples and locations.
///
/// s is the pre-activation and ds = ∂(−log p)/∂s of one example at one location, unscaled: the gradient of the *sum* of
/// the batch's losses. The factor is the *mean* over examples and locations; the number of locations multiplies in the
/// block (Grosse & Martens 2016, section 3, KFC). No mean is subtracted.
///
/// ## The original's names
///
/// This is `tf.contrib.kfac`'s class of the same name (TensorFlow 1.7).
///
/// - constructor from several sources: ``init(outputGradients:settings:)``; shape, type and device are taken from
///   the first source; values come with each update.
/// - (axis order): gradients are [batch, channels, height, width] here, channels last there.
/// - `get_cov`, `get_cov_var`: ``InverseProvidingFactor/covariance``.
/// - `instantiate_covariance`: done by the initialiser, as there.
/// - `make_covariance_update_op(decay)`: ``update(outputGradients:decay:weight:)``; acts at once; the decay is not
///   rounded to single precision.
/// - `register_damped_inverse`: ``InverseProvidingFactor/registerDampedInverse(_:)``; dampings are numbers, equal
///   ones share.
/// - `register_matpower`: ``InverseProvidingFactor/registerMatrixPower(_:damping:)``; the power 1 is not stored but
///   always current, as in the successor.
/// - `make_inverse_update_ops`: ``InverseProvidingFactor/updateInverses()``; acts at once; failures throw instead
///   of giving NaN.
/// - `get_damped_inverse`, `get_matpower`: ``InverseProvidingFactor/dampedInverse(_:)``,
///   ``InverseProvidingFactor/matrixPower(_:damping:)``; what was not registered is an error that says so.
/// - `get_eigendecomp`, `reset_eigendecomp`: ``InverseProvidingFactor/eigendecomposition()``,
///   ``InverseProvidingFactor/resetEigendecomposition()``.
/// - `left_multiply`, `right_multiply`: ``RegisteredInverses/leftMultiply(_:damping:)``,
///   ``RegisteredInverses/rightMultiply(_:damping:)-(Tensor,_)``; never ran in the original; here as it documents them.
/// - `left_multiply_inverse`, `right_multiply_inverse`: ``RegisteredInverses/leftMultiplyInverse(_:damping:)``,
///   ``RegisteredInverses/rightMultiplyInverse(_:damping:)-(Tensor,_)``; left products of row-sparse matrices do not
///   compile, where they failed at run time.
/// - (successor) `get_cholesky`, `get_cholesky_inverse`: ``InverseProvidingFactor/choleskyFactor(damping:)``,
///   ``InverseProvidingFactor/inverseCholeskyFactor(damping:)``; registered and updated like inverses.
/// - (successor) several towers: ``update(uses:decay:weight:)``; put behind one another; they may differ in size.
/// - process-wide settings: ``FactorSettings``; a value for each factor; ``FactorSettings/tensorFlow17`` has the
///   original's defaults.
public final class ConvOutputKroneckerFactor: InverseProvidingFactor {
    /// The number of output channels, of all groups.
    public let channels: Int
    /// How the kernel moves; nil if only the channels matter.
    public let geometry: ConvolutionGeometry?
    private let plans: PatchPlans

    /// Creates a factor without statistics.
    ///
    /// - Parameters:
    ///   - outputGradients: Sources in the shape of the gradients to come, [batch, channels, spatial...]. The values
    ///     are not used.
    ///   - settings: How the factor averages and inverts.
    public convenience init(outputGradients: [Tensor], settings: FactorSettings = FactorSettings()) {
        guard let first = outputGradients.first, first.rank >= 3 else {
            fatalError(
                "ConvOutputKroneckerFactor: sources of shapes \(outputGradients.map(\.shape)); at least one, "
                    + "[batch, channels, spatial...], is needed")
        }
        self.init(channels: first.shape[1], settings: settings, dtype: first.dtype, device: first.device)
    }

    /// Creates a factor without statistics for a number of output channels.
    ///
    /// - Parameters:
    ///   - channels: The number of output channels, of all groups.
    ///   - geometry: Needed only of a grouped convolution, which gives a block for each group, and of a transposed one,
    ///     whose factor holds patches, [channel][kernel row][kernel column] (see ``ConvInputKroneckerFactor``).
    public init(
        channels: Int, geometry: ConvolutionGeometry? = nil, settings: FactorSettings = FactorSettings(),
        dtype: DType = .float32, device: Device = .cpu
    ) {
        let groups = geometry?.groups ?? 1
        guard channels % groups == 0 else {
            fatalError("ConvOutputKroneckerFactor: \(channels) channels in \(groups) groups")
        }
        self.channels = channels
        plans = PatchPlans(model: settings.costModel)
        self.geometry = geometry
        let kernel = geometry.flatMap { $0.isTransposed ? $0.kernel : nil } ?? []
        super.init(
            dimension: kernel.reduce(channels / groups, *), groups: groups, settings: settings, dtype: dtype,
            device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - outputGradients: One tensor [batch, channels, spatial...] for each source. Their second moments, each a mean
    ///     over examples and locations, are *summed*.
    ///   - decay: ρ of the running average.
    ///   - weight: The number of examples, for the count-weighted rule; that of the first source by default.
    public func update(outputGradients: [Tensor], decay: Double, weight: Double? = nil) {
        update(uses: outputGradients.map { [$0] }, decay: decay, weight: weight)
    }

    /// Moves the average by a batch of several parts that count as one: sources of one tensor each part.
    ///
    /// The parts are the uses of the convolution, or the batch's parts on several devices (the original's towers).
    public func update(uses sources: [[Tensor]], decay: Double, weight: Double? = nil) {
        let geometries = geometry.map { Array(repeating: $0, count: sources[0].count) }
        update(uses: sources, geometries: geometries, decay: decay, weight: weight ?? Double(sources[0][0].shape[0]))
    }

    /// Moves the average by a batch in which the kernel moved in several ways, one for each part.
    func update(uses sources: [[Tensor]], geometries: [ConvolutionGeometry]?, decay: Double, weight: Double) {
        for gradient in sources.joined() where gradient.rank < 3 || gradient.shape[1] != channels {
            fatalError(
                "ConvOutputKroneckerFactor.update: a gradient of shape \(gradient.shape) for \(channels) channels")
        }
        let moments = sources.map { parts in
            parts.enumerated().map { moment(of: $1, geometry: geometries?[$0]) }
        }
        update(sources: moments, decay: decay, weight: weight)
    }

    private func moment(of gradient: Tensor, geometry: ConvolutionGeometry?) -> any SecondMoment {
        guard let geometry, geometry.isTransposed else {
            return Rows.channels(of: gradient).grouped(into: geometry?.groups ?? 1)
        }
        return Patches.moment(
            of: gradient, geometry: geometry.forward, hasBias: false, form: settings.statistics, plans: plans)
    }
}
