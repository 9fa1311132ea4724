import CTorch

extension Tensor {
    /// Whether operations on this tensor are recorded for differentiation.
    public var requiresGradient: Bool { read { ct_requires_grad($0) } }

    /// Whether an operation that was recorded for differentiation produced this tensor.
    package var isRecordedResult: Bool { read { !ct_is_leaf($0) } }

    /// Makes this tensor, which no operation produced, one that can be differentiated with respect to (or no longer).
    ///
    /// - Returns: The tensor itself.
    @discardableResult
    public func requiringGradient(_ required: Bool = true) -> Tensor {
        perform("requiringGradient") { ct_set_requires_grad($0, required) }
        return self
    }

    /// The same memory, cut off from the graph: a constant for differentiation.
    public func detached() -> Tensor { make("detached", ct_detach) }
}

/// Computes the gradients of `outputs` with respect to `inputs`, or nil for an input that no output depends on.
///
/// Only what lies between the outputs and the inputs is computed: with pre-activations as inputs, no gradient of a
/// weight is formed.
///
/// - Parameters:
///   - outputs: Tensors of any shape.
///   - weights: The gradient of the final scalar with respect to each output, in its shape; ones by default, which
///     needs outputs of one element.
///   - inputs: Parameters or intermediate results.
///   - keepingGraph: Whether the graph is kept for another differentiation.
///   - differentiable: Whether the gradients themselves can be differentiated; implies `keepingGraph`.
public func gradientsIfReached(
    of outputs: [Tensor], weightedBy weights: [Tensor]? = nil, withRespectTo inputs: [Tensor],
    keepingGraph: Bool = false, differentiable: Bool = false
) -> [Tensor?] {
    if let weights, weights.map(\.shape) != outputs.map(\.shape) {
        Tensor.trap("gradients", outputs, "weights of shapes \(weights.map(\.shape)) were given for these outputs")
    }
    guard !outputs.isEmpty, !inputs.isEmpty else { return inputs.map { _ in nil } }
    var gradients = [OpaquePointer?](repeating: nil, count: inputs.count)
    let status = Tensor.withPointers(outputs) { outputPointers in
        Tensor.withPointers(inputs) { inputPointers in
            Tensor.withPointers(weights ?? []) { weightPointers in
                ct_gradients(
                    outputPointers, outputs.count, weights == nil ? nil : weightPointers, inputPointers, inputs.count,
                    keepingGraph || differentiable, differentiable, &gradients)
            }
        }
    }
    guard status == CT_OK else {
        Tensor.trap(
            "gradients", outputs,
            OperandDefect.ofGradients(of: outputs, areWeighted: weights != nil, withRespectTo: inputs))
    }
    return gradients.map { $0.map(Tensor.init(owning:)) }
}

/// Computes the gradients of `outputs` with respect to `inputs`: zeros for an input that no output depends on.
///
/// The parameters are those of ``gradientsIfReached(of:weightedBy:withRespectTo:keepingGraph:differentiable:)``.
public func gradients(
    of outputs: [Tensor], weightedBy weights: [Tensor]? = nil, withRespectTo inputs: [Tensor],
    keepingGraph: Bool = false, differentiable: Bool = false
) -> [Tensor] {
    let reached = gradientsIfReached(
        of: outputs, weightedBy: weights, withRespectTo: inputs, keepingGraph: keepingGraph,
        differentiable: differentiable)
    return zip(reached, inputs).map { $0 ?? Tensor.zeros(like: $1.detached()) }
}

/// Computes the gradients of a scalar with respect to `inputs`: zeros for an input that it does not depend on.
public func gradients(
    of scalar: Tensor, withRespectTo inputs: [Tensor], keepingGraph: Bool = false, differentiable: Bool = false
) -> [Tensor] {
    gradients(
        of: [scalar], withRespectTo: inputs, keepingGraph: keepingGraph, differentiable: differentiable)
}

/// How often the graph that leads to `outputs` takes each of some tensors in.
///
/// An operation counts once for each of its operands that is the tensor, and the outputs count as taken in once.
/// Operations that only re-arrange one tensor (reshapes, transposes, slices, copies) do not count themselves; those
/// that take their results in do. So a layer whose derivative is part of the outputs takes its weight in twice. Cost:
/// one look at each operation of the graph; nothing is computed.
///
/// - Returns: One number for each tensor; 0 where no output depends on it.
public func graphUses(of tensors: [Tensor], in outputs: [Tensor]) -> [Int] {
    var counts = [Int64](repeating: 0, count: tensors.count)
    let status = Tensor.withPointers(outputs) { outputPointers in
        Tensor.withPointers(tensors) {
            ct_graph_uses(outputPointers, outputs.count, $0, tensors.count, &counts)
        }
    }
    guard status == CT_OK else { Tensor.trap("graphUses", tensors) }
    return counts.map(Int.init)
}

/// Runs `body` without recording operations for differentiation.
///
/// The effect is the calling thread's, so `body` is synchronous.
public func withoutGradients<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    try withGradientMode(false, body)
}

/// Runs `body` with operations recorded for differentiation, inside of ``withoutGradients(_:)``.
public func withGradients<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    try withGradientMode(true, body)
}

private func withGradientMode<Result, Failure: Error>(
    _ enabled: Bool, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    let before = ct_grad_mode()
    ct_set_grad_mode(enabled)
    defer { ct_set_grad_mode(before) }
    return try body()
}

/// Whether the calling thread records operations for differentiation.
package var gradientsAreRecorded: Bool { ct_grad_mode() }
