/// One use of parameters by an operation: what curvature needs to know of it.
///
/// ``recordingLayerUses(_:)`` collects one for each call of ``linear(_:weight:bias:)``,
/// ``convolution(_:weight:bias:geometry:)``, ``embedding(_:weight:)`` and ``scaleAndShift(_:scale:shift:axes:)`` of
/// which a parameter requires a gradient. A weight that is used twice is seen twice.
public struct LayerUse: Sendable {
    /// What was done with the weight.
    public enum Operation: Sendable, Hashable {
        /// s = x Wᵀ + b: weight [outputs, inputs], input [..., inputs], pre-activation [..., outputs].
        case linear
        /// A convolution: weight [outputs, inputs / groups, kernel...], input [batch, inputs, spatial...],
        /// pre-activation [batch, outputs, spatial...].
        case convolution(ConvolutionGeometry)
        /// A choice of rows: weight [classes, outputs], input integers of any shape, pre-activation [..., outputs].
        case embedding
        /// s = γ ∘ x + β: the scale's shape is that of the given axes of the input.
        case scaleAndShift(axes: [Int])
    }

    /// What was done.
    public let operation: Operation
    /// The weight (of scale-and-shift: the scale).
    public let weight: Tensor
    /// The bias (of scale-and-shift: the shift), if there is one.
    public let bias: Tensor?
    /// The input, cut off from the graph.
    public let input: Tensor
    /// The result before any activation, in the graph, so that a loss can be differentiated with respect to it.
    public let preActivation: Tensor

    /// Creates the record of a use.
    ///
    /// Only operations of one's own with parameters need this, together with ``report(_:)``.
    public init(operation: Operation, weight: Tensor, bias: Tensor?, input: Tensor, preActivation: Tensor) {
        self.operation = operation
        self.weight = weight
        self.bias = bias
        self.input = input.detached()
        self.preActivation = preActivation
    }

    /// The parameters: the weight and, if there is one, the bias.
    public var parameters: [Tensor] { [weight] + (bias.map { [$0] } ?? []) }

    /// The pre-activation that other parameters would have given for the same input; a constant.
    ///
    /// The operation is linear in its parameters: of a direction of theirs, this is the change of the pre-activation.
    ///
    /// - Parameters:
    ///   - weight: In the shape of the weight.
    ///   - bias: In the shape of the bias; nil for none.
    public func preActivation(weight: Tensor, bias: Tensor?) -> Tensor {
        withoutGradients {
            switch operation {
            case .linear: linear(input, weight: weight, bias: bias)
            case .convolution(let geometry): convolution(input, weight: weight, bias: bias, geometry: geometry)
            case .embedding: embedding(input, weight: weight)
            case .scaleAndShift(let axes): scaleAndShift(input, scale: weight, shift: bias, axes: axes)
            }
        }
    }

    /// Adds a use to the recording that is open, if one is.
    public static func report(_ use: @autoclosure () -> LayerUse) {
        guard let recorder = Recorder.current, recorder.thread.isCurrent, gradientsAreRecorded else { return }
        let use = use()
        guard use.parameters.contains(where: \.requiresGradient) else { return }
        recorder.uses.append(use)
    }
}

/// Runs `body` and returns, beside its result, each use of parameters in it, in the order of the calls.
///
/// Only uses on the calling thread are seen. An inner recording keeps its uses for itself.
public func recordingLayerUses<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> (result: Result, uses: [LayerUse]) {
    let recorder = Recorder()
    let result = try Recorder.$current.binding(recorder, body)
    return (result, recorder.uses)
}

/// Collects uses.
///
/// Confined to the thread that opened the recording, although a task-local value must be sendable.
private final class Recorder: @unchecked Sendable {
    @TaskLocal static var current: Recorder?

    var uses: [LayerUse] = []

    /// A task that the recorded code starts inherits the recorder, but runs elsewhere.
    let thread = OwnThread()
}
