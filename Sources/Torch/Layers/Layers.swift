import CTorch

// The operations with parameters. Each reports its use to the recording that is open, see ``LayerUse``.

/// Applies s = x Wᵀ + b.
///
/// - Parameters:
///   - input: [..., inputs].
///   - weight: [outputs, inputs].
///   - bias: [outputs].
/// - Returns: [..., outputs].
public func linear(_ input: Tensor, weight: Tensor, bias: Tensor? = nil) -> Tensor {
    let output = Tensor.make(
        "linear", [input, weight] + (bias.map { [$0] } ?? []),
        explaining: OperandDefect.ofLinear(input, weight: weight, bias: bias)
    ) { operands, count, output in
        ct_linear(operands![0], operands![1], count > 2 ? operands![2] : nil, output)
    }
    LayerUse.report(LayerUse(operation: .linear, weight: weight, bias: bias, input: input, preActivation: output))
    return output
}

/// Applies a convolution (in the sense of deep learning: a cross-correlation) over 1, 2 or 3 spatial axes.
///
/// - Parameters:
///   - input: [batch, channels, spatial...].
///   - weight: [outputs, channels / groups, kernel...]; transposed: [channels, outputs / groups, kernel...].
///   - bias: [outputs].
///   - geometry: How the kernel moves; its kernel must be the weight's.
/// - Returns: [batch, outputs, spatial...].
public func convolution(
    _ input: Tensor, weight: Tensor, bias: Tensor? = nil, geometry: ConvolutionGeometry
) -> Tensor {
    if let defect = geometry.defect { Tensor.trap("convolution", [input, weight], defect) }
    guard weight.rank == geometry.spatialRank + 2, Array(weight.shape.dropFirst(2)) == geometry.kernel else {
        Tensor.trap("convolution", [input, weight], "the geometry has the kernel \(geometry.kernel)")
    }
    let output = Tensor.make(
        "convolution", [input, weight] + (bias.map { [$0] } ?? []),
        explaining: OperandDefect.ofConvolution(input, weight: weight, bias: bias, geometry: geometry)
    ) { operands, count, output in
        geometry.stride.withInt64 { stride, rank in
            geometry.padding.withInt64 { padding, _ in
                geometry.dilation.withInt64 { dilation, _ in
                    geometry.outputPadding.withInt64 { outputPadding, _ in
                        ct_convolution(
                            operands![0], operands![1], count > 2 ? operands![2] : nil, rank, stride, padding, dilation,
                            geometry.isTransposed, outputPadding, Int64(geometry.groups), output)
                    }
                }
            }
        }
    }
    LayerUse.report(
        LayerUse(
            operation: .convolution(geometry), weight: weight, bias: bias, input: input, preActivation: output))
    return output
}

/// Applies a convolution whose kernel is the weight's.
public func convolution(
    _ input: Tensor, weight: Tensor, bias: Tensor? = nil, stride: [Int] = [1], padding: [Int] = [0],
    dilation: [Int] = [1], groups: Int = 1
) -> Tensor {
    let geometry = ConvolutionGeometry(
        kernel: Array(weight.shape.dropFirst(2)), stride: stride, padding: padding, dilation: dilation, groups: groups)
    return convolution(input, weight: weight, bias: bias, geometry: geometry)
}

/// Picks the rows of `weight` whose numbers stand in `indices`.
///
/// - Parameters:
///   - indices: Integers of any shape, from 0 to below the number of classes. Others are a ``DataFault``.
///   - weight: [classes, outputs].
///   - paddingIndex: A number that stands for padding: its row gets no gradient from here, and its positions do not
///     count for curvature.
/// - Returns: [..., outputs].
public func embedding(_ indices: Tensor, weight: Tensor, paddingIndex: Int? = nil) -> Tensor {
    if weight.rank == 2 {
        let rows = 0..<weight.shape[0]
        guard !rows.isEmpty else { Tensor.trap("embedding", [weight, indices], "the weight has no rows") }
        if let paddingIndex, !rows.contains(paddingIndex) {
            Tensor.trap(
                "embedding", [weight, indices], "the padding index \(paddingIndex) is not one of the weight's rows")
        }
    }
    var indices = indices
    if DataFault.areCollected, !indices.dtype.isFloatingPoint, weight.rank == 2,
        let fault = DataFault.outside(
            0...Double(weight.shape[0] - 1), in: indices, place: "embedding", "the index",
            "is not one of the weight's \(weight.shape[0]) rows")
    {
        fault.report()
        indices = Tensor.zeros(like: indices)
    }
    let output = Tensor.make("embedding", weight, indices, explaining: OperandDefect.ofEmbedding, ct_embedding)
    let mask = paddingIndex.map { indices .!= Double($0) }
    LayerUse.report(
        LayerUse(
            operation: .embedding, weight: weight, bias: nil, input: indices, preActivation: output, mask: mask))
    guard let mask else { return output }
    return Tensor.select(mask.expanded(at: -1), output, output.detached())
}

/// Applies s = γ ∘ x + β, as after a normalisation.
///
/// - Parameters:
///   - input: Any shape.
///   - scale: γ, with the extents of the given axes of the input.
///   - shift: β, in the shape of the scale.
///   - axes: The axes of the input that the scale has, ascending; the last ones by default.
/// - Returns: The shape of the input.
public func scaleAndShift(_ input: Tensor, scale: Tensor, shift: Tensor? = nil, axes: [Int]? = nil) -> Tensor {
    let rank = input.rank
    let axes = axes ?? Array((rank - scale.rank)..<rank)
    let inputShape = input.shape
    let parameters = [scale] + (shift.map { [$0] } ?? [])
    guard axes.allSatisfy({ (0..<rank).contains($0) }), zip(axes, axes.dropFirst()).allSatisfy(<),
        parameters.allSatisfy({ $0.shape == axes.map { inputShape[$0] } })
    else {
        Tensor.trap(
            "scaleAndShift", [input] + parameters,
            "scale and shift must have the extents of the axes \(axes), which must ascend")
    }
    var shape = [Int](repeating: 1, count: rank)
    for axis in axes { shape[axis] = inputShape[axis] }
    // The result has the input's type, as after a normalisation in mixed precision.
    func aligned(_ parameter: Tensor) -> Tensor {
        (input.dtype == .bfloat16 ? parameter.to(.bfloat16) : parameter).reshaped(shape)
    }
    var output = input * aligned(scale)
    if let shift { output += aligned(shift) }
    LayerUse.report(
        LayerUse(
            operation: .scaleAndShift(axes: axes), weight: scale, bias: shift, input: input, preActivation: output))
    return output
}
