import CTorch

/// One use of parameters by an operation: what curvature needs to know of it.
///
/// ``recordingLayerUses(_:)`` collects one for each call of ``linear(_:weight:bias:)``,
/// ``convolution(_:weight:bias:geometry:)``, ``embedding(_:weight:paddingIndex:)`` and
/// ``scaleAndShift(_:scale:shift:axes:)`` of which a parameter requires a gradient, and for each matrix product with a
/// parameter on the right, `x.matmul(w)` or `x.matmul(w.transposed())`. A weight that is used twice is seen twice.
public struct LayerUse: Sendable {
    /// The operation with the weight.
    public enum Operation: Sendable, Hashable, Codable {
        /// s = x Wᵀ + b: weight [outputs, inputs], input [..., inputs], pre-activation [..., outputs].
        case linear
        /// s = x W + b: weight [inputs, outputs], input [..., inputs], pre-activation [..., outputs]. As in
        /// `x.matmul(w)`, and in `linear(x, weight: w.transposed())`.
        case transposedLinear
        /// A convolution: weight [outputs, inputs / groups, kernel...], input [batch, inputs, spatial...],
        /// pre-activation [batch, outputs, spatial...].
        case convolution(ConvolutionGeometry)
        /// A choice of rows: weight [classes, outputs], input integers of any shape, pre-activation [..., outputs].
        case embedding
        /// s = γ ∘ x + β: the scale's shape is that of the given axes of the input.
        case scaleAndShift(axes: [Int])
        /// An operation of one's own, by its name; its curvature is that of a block of one's own.
        case custom(String)
    }

    /// The operation.
    public let operation: Operation
    /// The weight (of scale-and-shift: the scale).
    public let weight: Tensor
    /// The bias (of scale-and-shift: the shift), if there is one.
    public let bias: Tensor?
    /// The input, cut off from the graph.
    public let input: Tensor
    /// The result before any activation, in the graph, so that a loss can be differentiated with respect to it.
    public let preActivation: Tensor
    /// True at the positions that count for curvature, of type bool, with the first axes of ``positions``; nil for all.
    public let mask: Tensor?

    /// Creates the record of a use.
    ///
    /// Only operations of one's own with parameters need this, together with ``report(_:)``. A weight that is a view of
    /// a parameter, as it is or transposed, is recorded as the parameter.
    ///
    /// - Parameter mask: The positions that count; all by default. ``countingPositions(_:_:)`` narrows it.
    public init(
        operation: Operation, weight: Tensor, bias: Tensor?, input: Tensor, preActivation: Tensor, mask: Tensor? = nil
    ) {
        (self.operation, self.weight) = Self.resolved(operation, weight)
        self.bias = bias
        self.input = input.detached()
        self.preActivation = preActivation
        self.mask = mask
    }

    /// The operation with the parameter that a view shows.
    private static func resolved(_ operation: Operation, _ weight: Tensor) -> (Operation, Tensor) {
        guard operation == .linear || operation == .transposedLinear, weight.requiresGradient,
            let (leaf, isTransposed) = weight.matrixLeaf
        else { return (operation, weight) }
        guard isTransposed else { return (operation, leaf) }
        return (operation == .linear ? .transposedLinear : .linear, leaf)
    }

    private init(_ use: LayerUse, mask: Tensor) {
        (operation, weight, bias) = (use.operation, use.weight, use.bias)
        (input, preActivation) = (use.input, use.preActivation)
        self.mask = mask
    }

    /// The same use with fewer positions that count.
    func counting(_ other: Tensor) -> LayerUse {
        guard other.dtype == .bool, positions.starts(with: other.shape) else {
            fatalError(
                "countingPositions: a mask \(other.dtype)\(other.shape) for a layer at positions \(positions); the mask "
                    + "must be of type bool and have their first axes")
        }
        return LayerUse(self, mask: mask.map { $0.narrowed(by: other) } ?? other)
    }

    /// The extents of the axes along which the operation is applied: the batch, and positions of a sequence or an
    /// image.
    ///
    /// Those of the pre-activation without its features; of a transposed convolution those of the input.
    public var positions: [Int] {
        switch operation {
        case .linear, .transposedLinear: preActivation.shape.dropLast()
        case .embedding: input.shape
        case .convolution(let geometry):
            [input.shape[0]] + (geometry.isTransposed ? input : preActivation).shape.dropFirst(2)
        case .scaleAndShift(let axes):
            preActivation.shape.enumerated().filter { !axes.contains($0.offset) }.map(\.element)
        case .custom: preActivation.shape
        }
    }

    /// The parameters: the weight and, if there is one, the bias.
    public var parameters: [Tensor] { [weight] + (bias.map { [$0] } ?? []) }

    /// The pre-activation that other parameters would have given for the same input; a constant.
    ///
    /// The operation is linear in its parameters: of a direction of theirs, this is the change of the pre-activation.
    /// Computed in the pre-activation's precision. Not for ``Operation/custom(_:)``.
    ///
    /// - Parameters:
    ///   - weight: In the shape of the weight.
    ///   - bias: In the shape of the bias; nil for none.
    public func preActivation(weight: Tensor, bias: Tensor?) -> Tensor {
        withoutGradients {
            withMixedPrecision(preActivation.dtype == .bfloat16) {
                switch operation {
                case .linear: linear(input, weight: weight, bias: bias)
                case .transposedLinear: linear(input, weight: weight.transposed(), bias: bias)
                case .convolution(let geometry): convolution(input, weight: weight, bias: bias, geometry: geometry)
                case .embedding: embedding(input, weight: weight)
                case .scaleAndShift(let axes): scaleAndShift(input, scale: weight, shift: bias, axes: axes)
                case .custom(let name): fatalError("LayerUse.preActivation: what \(name) does is not known")
                }
            }
        }
    }

    /// Adds a use to the recording that is open, if one is.
    public static func report(_ use: @autoclosure () -> LayerUse) {
        guard let recorder = LayerRecorder.current, recorder.thread.isCurrent, gradientsAreRecorded else { return }
        let use = use()
        guard use.parameters.contains(where: \.requiresGradient) else { return }
        recorder.removeParts(of: use)
        recorder.uses.append(recorder.mask.map(use.counting) ?? use)
    }

    /// Adds a product with a matrix on the right to the recording that is open, if the matrix is a parameter.
    static func reportProduct(of input: Tensor, with weight: Tensor, _ output: Tensor) {
        guard let recorder = LayerRecorder.current, recorder.thread.isCurrent, gradientsAreRecorded, weight.rank == 2,
            input.rank >= 2, weight.requiresGradient, weight.matrixLeaf != nil
        else { return }
        report(
            LayerUse(operation: .transposedLinear, weight: weight, bias: nil, input: input, preActivation: output))
        recorder.products.insert(output.id)
    }
}

extension Tensor {
    /// The parameter that a matrix is, or is a view of, and whether it is its transpose; nil for other results.
    var matrixLeaf: (leaf: Tensor, isTransposed: Bool)? {
        var (leaf, isTransposed) = (nil as OpaquePointer?, false)
        guard read({ ct_matrix_leaf($0, &leaf, &isTransposed) }) == CT_OK else { Tensor.trap("matrixLeaf", [self]) }
        return leaf.map { (Tensor(owning: $0), isTransposed) }
    }
}
