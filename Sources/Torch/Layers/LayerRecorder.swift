/// Runs `body` and returns, beside its result, each use of parameters in it, in the order of the calls.
///
/// Only uses on the calling thread are seen. An inner recording keeps its uses for itself.
public func recordingLayerUses<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> (result: Result, uses: [LayerUse]) {
    let recorder = LayerRecorder()
    let result = try LayerRecorder.$current.binding(recorder, body)
    return (result, recorder.uses)
}

/// Runs `body`, and lets only the positions where a mask is true count for the curvature of the layers used in it.
///
/// Padding and positions that the loss masks need no help in linear layers and embeddings, whose output gradients are
/// zero there. A convolution over a padded sequence cannot tell them from positions behind a rectifier:
///
/// ```swift
/// let features = countingPositions(isToken) { convolution(embedded, weight: kernel, padding: [1]) }
/// ```
///
/// The results of the layers are what they are without the mask. In an inner call, both masks must be true. Outside a
/// recording, the mask has no effect.
///
/// - Parameters:
///   - mask: Of type bool, with the first axes of the layers' ``LayerUse/positions``: [batch], [batch, positions...].
///   - body: Uses layers, on the calling thread.
public func countingPositions<Result, Failure: Error>(
    _ mask: Tensor, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    guard let recorder = LayerRecorder.current, recorder.thread.isCurrent else { return try body() }
    let outer = recorder.mask
    recorder.mask = outer.map { $0.narrowed(by: mask) } ?? mask
    defer { recorder.mask = outer }
    return try body()
}

/// Collects uses.
///
/// Confined to the thread that opened the recording, although a task-local value must be sendable.
final class LayerRecorder: @unchecked Sendable {
    @TaskLocal static var current: LayerRecorder?

    var uses: [LayerUse] = []
    /// The results of uses that are matrix products, which may be parts of an operation that reports itself.
    var products: Set<Tensor.ID> = []
    /// The positions that count; nil for all.
    var mask: Tensor?

    /// Takes back the products that an operation consists of, so that it is one use.
    func removeParts(of use: LayerUse) {
        guard !products.isEmpty else { return }
        uses.removeAll { part in
            part.weight.id == use.weight.id && products.contains(part.preActivation.id)
                && graphUses(of: [part.preActivation], in: [use.preActivation]) != [0]
        }
    }

    /// A task that the recorded code starts inherits the recorder, but runs elsewhere.
    let thread = OwnThread()
}
