import CTorch

/// Brings each channel to mean 0 and variance 1; without scale and shift, see ``scaleAndShift(_:scale:shift:axes:)``.
///
/// - Parameters:
///   - input: [batch, channels, ...].
///   - runningMean: [channels].
///   - runningVariance: [channels].
///   - training: Whether the batch's own mean and variance are used; they then move the running ones in place. Each
///     channel needs at least two elements for that; a batch with fewer is a ``DataFault``.
///   - momentum: The weight of the batch in the running statistics. The running variance takes the unbiased variance
///     of the batch (divided by one less than the number of elements), the normalisation the other one.
///   - epsilon: Added to the variance.
public func batchNormalization(
    _ input: Tensor, runningMean: Tensor? = nil, runningVariance: Tensor? = nil, training: Bool,
    momentum: Double = 0.1, epsilon: Double = 1e-5
) -> Tensor {
    guard input.rank >= 2 else { Tensor.trap("batchNormalization", [input], "at least two axes are needed") }
    // The unbiased variance of a single value is infinite, and would stay in the running one for ever.
    if training, input.count <= input.shape[1] {
        DataFault(
            place: "batchNormalization",
            reason: "training needs at least two elements for each channel, and the input has the shape \(input.shape)"
        ).report()
        return input
    }
    return withExtendedLifetime((runningMean, runningVariance)) {
        input.make("batchNormalization") {
            kt_batch_norm(
                $0, runningMean?.handle.pointer, runningVariance?.handle.pointer, training, momentum, epsilon, $1)
        }
    }
}

/// Brings each example to mean 0 and variance 1 over its last axes; without scale and shift.
///
/// - Parameters:
///   - input: Any shape that ends in `shape`.
///   - shape: The extents of the axes over which to normalise.
///   - epsilon: Added to the variance.
public func layerNormalization(_ input: Tensor, over shape: [Int], epsilon: Double = 1e-5) -> Tensor {
    input.make("layerNormalization") { x, output in
        shape.withInt64 { kt_layer_norm(x, $0, $1, epsilon, output) }
    }
}
