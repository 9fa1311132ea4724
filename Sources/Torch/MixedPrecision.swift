import CTorch

/// Runs `body` with layers, convolutions and matrix products in bfloat16, in about half of the time and memory where
/// the processor has instructions for it; see ``Runtime/hasFastBFloat16``.
///
/// ```swift
/// let report = try optimizer.step {
///     withMixedPrecision { Loss(Categorical(logits: model(images)), targets: labels) }
/// }
/// ```
///
/// What ``linear(_:weight:bias:)``, ``convolution(_:weight:bias:geometry:)``, ``Tensor/matmul(_:)`` of matrices and
/// ``Tensor/einsum(_:_:)`` are given in float32 they convert, and their results are bfloat16; float64 stays as it is.
/// All other operations compute in the type that they are given. The pass back takes the types of the forward pass, so
/// it need not run in here. Parameters and their gradients stay float32; the distributions of a loss, and curvature,
/// convert what they are given to float32. A distribution of your own does so with ``Tensor/inFullPrecision``. Losses
/// need not be scaled, as bfloat16 has the range of float32.
///
/// Numbers have a relative error of at most 2⁻⁹ each. The mode is that of the calling thread, until `body` returns. The
/// arithmetic of optimisers and of curvature is in full precision in here, too: only the model that they run is not.
///
/// - Parameters:
///   - enabled: Whether to compute in bfloat16; false computes in the types of the operands, inside of another call.
///   - body: Runs a model.
public func withMixedPrecision<Result, Failure: Error>(
    _ enabled: Bool = true, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    let before = precisionIsMixed
    ct_set_mixed_precision(enabled)
    defer { ct_set_mixed_precision(before) }
    return try body()
}

/// Whether the calling thread is inside of ``withMixedPrecision(_:_:)``.
package var precisionIsMixed: Bool { ct_mixed_precision() }

/// Runs the arithmetic of curvature: nothing is recorded for differentiation, and nothing computed in bfloat16, in
/// whatever modes the caller is.
package func withoutGradientsInFullPrecision<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    try withMixedPrecision(false) { () throws(Failure) in try withoutGradients(body) }
}
