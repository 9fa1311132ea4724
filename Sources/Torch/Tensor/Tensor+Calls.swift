import CTorch

// How Swift calls the C functions. Every call goes through one of these, so that a handle lives until the call
// returns (the optimiser may otherwise release it after its last mention) and every failure is noticed.

typealias Output = UnsafeMutablePointer<OpaquePointer?>

/// The message of this thread's last failing call.
func lastMessage() -> String {
    let message = String(cString: ct_last_error())
    return message.hasSuffix("\n") ? String(message.dropLast()) : message
}

extension Tensor {
    /// Reads a property that cannot fail.
    @inline(__always)
    func read<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        withExtendedLifetime(handle) { body(handle.pointer) }
    }

    /// Calls a function of no tensor.
    static func make(_ operation: StaticString, _ body: (Output?) -> ct_status) -> Tensor {
        var output: OpaquePointer?
        return finish(operation, [], nil, body(&output), output)
    }

    /// Calls a function of one tensor.
    @inline(__always)
    func make(
        _ operation: StaticString, explaining defect: @autoclosure () -> String? = nil,
        _ body: (OpaquePointer?, Output?) -> ct_status
    ) -> Tensor {
        var output: OpaquePointer?
        let status = read { body($0, &output) }
        if status == CT_OK, let output { return Tensor(owning: output) }
        Tensor.trap(operation, [self], defect())
    }

    /// Calls a function of two tensors, by default one that combines their elements.
    @inline(__always)
    static func make(
        _ operation: StaticString, _ a: Tensor, _ b: Tensor,
        explaining defect: (Tensor, Tensor) -> String? = OperandDefect.ofElements,
        _ body: (OpaquePointer?, OpaquePointer?, Output?) -> ct_status
    ) -> Tensor {
        var output: OpaquePointer?
        let status = a.read { a in b.read { b in body(a, b, &output) } }
        if status == CT_OK, let output { return Tensor(owning: output) }
        trap(operation, [a, b], defect(a, b))
    }

    /// Calls a function of several tensors.
    static func make(
        _ operation: StaticString, _ operands: [Tensor], explaining defect: @autoclosure () -> String? = nil,
        _ body: (UnsafePointer<OpaquePointer?>?, Int, Output?) -> ct_status
    ) -> Tensor {
        var output: OpaquePointer?
        let status = withPointers(operands) { body($0, operands.count, &output) }
        return finish(operation, operands, defect(), status, output)
    }

    /// Calls a function that writes into a tensor.
    @inline(__always)
    func perform(
        _ operation: StaticString, with others: Tensor...,
        explaining defect: (Tensor, [Tensor]) -> String? = { target, _ in OperandDefect.ofWriting(target) },
        body: (OpaquePointer?) -> ct_status
    ) {
        let status = withExtendedLifetime(others) { read { body($0) } }
        guard status == CT_OK else { Tensor.trap(operation, [self] + others, defect(self, others)) }
    }

    /// Hands an array of handles to `body`.
    static func withPointers<Result>(
        _ tensors: [Tensor], _ body: (UnsafePointer<OpaquePointer?>?) -> Result
    ) -> Result {
        let pointers: [OpaquePointer?] = tensors.map(\.handle.pointer)
        return withExtendedLifetime(tensors) { pointers.withUnsafeBufferPointer { body($0.baseAddress) } }
    }

    private static func finish(
        _ operation: StaticString, _ operands: [Tensor], _ defect: @autoclosure () -> String?, _ status: ct_status,
        _ output: OpaquePointer?
    ) -> Tensor {
        if status == CT_OK, let output { return Tensor(owning: output) }
        trap(operation, operands, defect())
    }

    /// Stops the program with the operation, what it was given, and the reason: libtorch's where no other is known.
    static func trap(_ operation: StaticString, _ operands: [Tensor], _ reason: String? = nil) -> Never {
        let given = operands.map { "\($0.dtype)\($0.shape)" }.joined(separator: ", ")
        fatalError("\(operation)(\(given)): \(reason ?? lastMessage())")
    }
}

extension Array where Element == Int {
    /// The elements as C's `int64_t *` and their number, without a copy.
    @inline(__always)
    func withInt64<Result>(_ body: (UnsafePointer<Int64>?, Int) -> Result) -> Result {
        withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: Int64.self) { body($0.baseAddress, $0.count) }
        }
    }
}
