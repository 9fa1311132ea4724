import CTorch

/// Brings each channel to mean 0 and variance 1; without scale and shift, see ``scaleAndShift(_:scale:shift:axes:)``.
///
/// - Parameters:
///   - input: [batch, channels, ...].
///   - runningMean: [channels].
///   - runningVariance: [channels].
///   - training: Whether the batch's own mean and variance are used; they then move the running ones in place. Each
///     channel needs at least two elements for that; a batch with fewer is a ``DataFault``.
///   - momentum: The weight of the batch in the running statistics, from 0 to 1; statistics of a batch that are not
///     finite have none. The running variance takes the unbiased variance of the batch (divided by one less than the
///     number of elements), the normalisation the other one.
///   - epsilon: Added to the variance; finite and not negative.
public func batchNormalization(
    _ input: Tensor, runningMean: Tensor? = nil, runningVariance: Tensor? = nil, training: Bool,
    momentum: Double = 0.1, epsilon: Double = 1e-5
) -> Tensor {
    guard input.rank >= 2 else { Tensor.trap("batchNormalization", [input], "at least two axes are needed") }
    guard (0...1).contains(momentum) else {
        Tensor.trap("batchNormalization", [input], "the momentum \(momentum) is not from 0 to 1")
    }
    requireEpsilon(epsilon, "batchNormalization", input)
    // The unbiased variance of a single value is infinite, and would stay in the running one for ever.
    if training, input.count <= input.shape[1] {
        DataFault(
            place: "batchNormalization",
            reason: "training needs at least two elements for each channel, and the input has the shape \(input.shape)"
        ).report()
        return input
    }
    func normalized(_ mean: Tensor?, _ variance: Tensor?) -> Tensor {
        withExtendedLifetime((mean, variance)) {
            input.make(
                "batchNormalization",
                explaining: OperandDefect.ofBatchNormalization(input, [mean, variance].compactMap(\.self))
            ) {
                ct_batch_norm($0, mean?.handle.pointer, variance?.handle.pointer, training, momentum, epsilon, $1)
            }
        }
    }
    guard training else { return normalized(runningMean, runningVariance) }
    // One batch that is not finite would stay in the running statistics for ever. The derivative keeps the tensors that
    // the operation writes, which nothing may write later: copies.
    let (mean, variance) = (runningMean?.copy(), runningVariance?.copy())
    let result = normalized(mean, variance)
    for (running, new) in [(runningMean, mean), (runningVariance, variance)] {
        guard let running, let new else { continue }
        MovedStatistics.ofThisThread?.keep(running)
        running.assign(Tensor.select(new.isFinite(), new, running))
    }
    return result
}

/// Brings each example to mean 0 and variance 1 over its last axes; without scale and shift.
///
/// - Parameters:
///   - input: Any shape that ends in `shape`.
///   - shape: The extents of the axes over which to normalise.
///   - epsilon: Added to the variance; finite and not negative.
public func layerNormalization(_ input: Tensor, over shape: [Int], epsilon: Double = 1e-5) -> Tensor {
    requireEpsilon(epsilon, "layerNormalization", input)
    return input.make(
        "layerNormalization", explaining: OperandDefect.ofLayerNormalization(input, over: shape)
    ) { x, output in
        shape.withInt64 { ct_layer_norm(x, $0, $1, epsilon, output) }
    }
}

private func requireEpsilon(_ epsilon: Double, _ operation: StaticString, _ input: Tensor) {
    guard epsilon >= 0, epsilon.isFinite else {
        Tensor.trap(operation, [input], "epsilon, \(epsilon), must be finite and at least 0")
    }
}
