import CTorch

/// An operation for which there was not enough memory.
///
/// Inside of ``checkingMemory(_:)``, it is thrown at the end; outside, it stops the program. Optimisers do their steps
/// so.
public struct MemoryFault: DescribedError, Sendable, Hashable {
    /// The operation, for example "matmul".
    public let operation: String
    /// The shapes of its operands, for example "[128, 784], [784, 1000]"; empty if there are none.
    public let operands: String
    /// The number of bytes that could not be allocated; nil if that is not known.
    public let byteCount: Int?
    /// The message of the library or the device.
    public let reason: String
    /// Whether memory that is being differentiated, a parameter's, had been written before.
    public var hasWritten: Bool

    /// Creates the record of a fault.
    public init(
        operation: String, operands: String = "", byteCount: Int? = nil, reason: String = "out of memory",
        hasWritten: Bool = false
    ) {
        self.operation = operation
        self.operands = operands
        self.byteCount = byteCount
        self.reason = reason
        self.hasWritten = hasWritten
    }

    /// The operation with the shapes of its operands, and the bytes that it needed.
    public var description: String {
        let needed = byteCount.map { "\($0) bytes could not be allocated" } ?? reason
        return "\(operation)\(operands.isEmpty ? "" : "(\(operands))"): \(needed)"
    }

    /// Whether memory has run out in the innermost ``checkingMemory(_:)`` of the calling thread.
    package static var hasOccurred: Bool { ct_memory_has_run_out() }

    /// Ends what is being done if memory has run out: what was computed since is no result.
    ///
    /// - Throws: A fault that ``checkingMemory(_:)`` replaces by the one that occurred.
    package static func check() throws(MemoryFault) {
        if hasOccurred { throw MemoryFault(operation: "checkingMemory") }
    }

    /// Makes sure that so many bytes can be allocated at this moment, for what traps if they cannot.
    package static func require(_ byteCount: Int, for operation: String) throws(MemoryFault) {
        // Small amounts are always there.
        guard byteCount > 1 << 16 else { return }
        let canAllocate = ct_can_allocate(UInt64(byteCount))
        if !canAllocate { throw MemoryFault(operation: operation, byteCount: byteCount) }
    }
}

/// Runs `body` so that an operation for which there is not enough memory ends in an error instead of stopping the
/// program.
///
/// ```swift
/// let predictions = try checkingMemory { model(images) }
/// ```
///
/// After the fault, operations on the calling thread compute nothing until `body` ends: results have shapes but no
/// memory and read as ones, nothing that exists is written, and what `body` returns is dropped. What `body` stored
/// elsewhere before it ended must be dropped, too. An inner call keeps its faults for itself. Costs a tenth of a
/// microsecond.
///
/// - Throws: The first ``MemoryFault``, even if `body` throws after it; otherwise what `body` throws.
public func checkingMemory<Result>(_ body: () throws -> Result) throws -> Result {
    guard let scope = ct_open_memory_scope() else { throw MemoryFault(operation: "checkingMemory") }
    let outcome = Swift.Result { try body() }
    var fault: MemoryFault?
    withUnsafeMutablePointer(to: &fault) { fault in
        ct_close_memory_scope(scope, fault) { fault, operation, operands, byteCount, reason, hasWritten in
            fault?.assumingMemoryBound(to: MemoryFault?.self).pointee = MemoryFault(
                operation: operation.map { String(cString: $0) } ?? "",
                operands: operands.map { String(cString: $0) } ?? "",
                byteCount: byteCount > 0 ? Int(clamping: byteCount) : nil,
                reason: reason.map { String(cString: $0) } ?? "", hasWritten: hasWritten)
        }
    }
    if let fault { throw fault }
    return try outcome.get()
}

/// Makes memory for tensors on the CPU run out, for tests.
package enum MemoryShortage {
    /// Runs `body` with so many allocations of tensors on the CPU by the calling thread before all others fail.
    ///
    /// - Returns: What `body` returns or throws, and the number of allocations, failed ones among them.
    package static func after<Result>(
        _ allocations: Int, _ body: () throws -> Result
    ) -> (outcome: Swift.Result<Result, any Error>, allocations: Int) {
        ct_fail_allocations(Int64(allocations))
        let outcome = Swift.Result { try body() }
        return (outcome, Int(ct_end_failing_allocations()))
    }
}
