import CTorch

/// A multi-dimensional array of numbers, differentiable, on the CPU or a CUDA device.
///
/// A tensor is a handle on memory that libtorch owns: copies of the value share that memory. Operations return new
/// tensors and leave their operands alone; the few that write into existing memory say so in their names
/// (`assign(_:)`, `add(inPlace:)`, …) and are meant for optimisers and running statistics.
///
/// Operations on tensors that do not fit together are programming errors and trap with the operation and the shapes.
/// Linear algebra, where the numbers themselves can fail, throws ``LinearAlgebraError``.
///
/// Tensors can be sent between threads. As with any shared memory, no thread may write in place into a tensor that
/// another one uses at that moment.
public struct Tensor: @unchecked Sendable {
    /// Owns one reference to libtorch's tensor.
    final class Handle {
        let pointer: OpaquePointer

        init(owning pointer: OpaquePointer) { self.pointer = pointer }

        deinit { ct_release(pointer) }
    }

    let handle: Handle

    /// Takes over the reference that `pointer` carries.
    init(owning pointer: OpaquePointer) { handle = Handle(owning: pointer) }

    /// The number of axes.
    public var rank: Int { read { Int(ct_rank($0)) } }

    /// The number of elements.
    public var count: Int { read { Int(ct_count($0)) } }

    /// The extent of each axis.
    public var shape: [Int] { read { integers(count: Int(ct_rank($0)), from: $0, ct_shape) } }

    /// The distance in memory between neighbours along each axis, in elements.
    public var strides: [Int] { read { integers(count: Int(ct_rank($0)), from: $0, ct_strides) } }

    /// The type of the elements.
    public var dtype: DType { read { DType(code: ct_get_dtype($0)) } }

    /// Where the memory lies.
    public var device: Device { read { Device(code: ct_get_device($0)) } }

    /// Whether the elements lie in memory in row-major order without gaps.
    public var isContiguous: Bool { read { ct_is_contiguous($0) } }

    /// The identity of this tensor: equal for copies of one value, different for equal numbers elsewhere.
    public var id: ID { ID(value: handle.pointer) }

    /// Identifies a tensor as long as some copy of it lives.
    public struct ID: Hashable, @unchecked Sendable {
        let value: OpaquePointer
    }

    private func integers(
        count: Int, from pointer: OpaquePointer, _ get: (OpaquePointer?, UnsafeMutablePointer<Int64>?) -> Void
    ) -> [Int] {
        [Int](unsafeUninitializedCapacity: count) { buffer, initialized in
            buffer.withMemoryRebound(to: Int64.self) { get(pointer, $0.baseAddress) }
            initialized = count
        }
    }
}

extension Tensor: CustomStringConvertible {
    /// The type, shape and, if there are few, the elements.
    public var description: String {
        let head = "\(dtype)\(shape)" + (device == .cpu ? "" : " on \(device)")
        guard count <= 64 else { return head }
        let elements =
            switch dtype {
            case .float32, .bfloat16: array(of: Float.self).map { "\($0)" }
            case .float64: array(of: Double.self).map { "\($0)" }
            case .int64, .int32, .uint8: array(of: Int.self).map { "\($0)" }
            case .bool: array(of: Bool.self).map { "\($0)" }
            }
        return "\(head) [\(elements.joined(separator: ", "))]"
    }
}
