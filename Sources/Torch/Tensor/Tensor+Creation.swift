import CTorch
import Foundation

extension Tensor {
    /// Creates a tensor of rank 0.
    public init<Scalar: TensorScalar>(_ value: Scalar) { self.init([value], shape: []) }

    /// Copies an array; the element type follows the array's.
    ///
    /// - Parameter shape: The extents, whose product is the number of values; by default one axis.
    public init<Scalar: TensorScalar>(_ values: [Scalar], shape: [Int]? = nil) {
        let shape = shape ?? [values.count]
        guard Tensor.elementCount(shape) == values.count else {
            fatalError("Tensor: \(values.count) values do not fill the shape \(shape)")
        }
        self = values.withUnsafeBytes { Tensor(bytes: $0, dtype: Scalar.dtype, shape: shape) }
    }

    /// Copies raw memory that holds the elements in row-major order.
    public init(bytes: UnsafeRawBufferPointer, dtype: DType, shape: [Int]) {
        guard let count = Tensor.elementCount(shape), bytes.count == count * dtype.byteCount else {
            fatalError("Tensor: \(bytes.count) bytes do not fill \(dtype)\(shape)")
        }
        self = Tensor.make("Tensor") { output in
            shape.withInt64 { ct_from_bytes(bytes.baseAddress, dtype.code, $0, $1, output) }
        }
    }

    /// Creates a tensor whose elements all equal `value`.
    public static func full(
        _ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu
    ) -> Tensor {
        requireCount(shape, "full")
        return make("full") { output in
            shape.withInt64 { ct_full($0, $1, value, dtype.code, device.code, output) }
        }
    }

    /// Creates a tensor of zeros.
    public static func zeros(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) -> Tensor {
        full(shape, 0, dtype: dtype, device: device)
    }

    /// Creates a tensor of ones.
    public static func ones(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) -> Tensor {
        full(shape, 1, dtype: dtype, device: device)
    }

    /// Creates a tensor with the shape, type and device of another, whose elements all equal `value`.
    public static func full(like other: Tensor, _ value: Double) -> Tensor {
        other.make("full") { ct_full_like($0, value, $1) }
    }

    /// Creates zeros with the shape, type and device of another tensor.
    public static func zeros(like other: Tensor) -> Tensor { full(like: other, 0) }

    /// Creates ones with the shape, type and device of another tensor.
    public static func ones(like other: Tensor) -> Tensor { full(like: other, 1) }

    /// Creates the identity matrix of `size` rows.
    public static func identity(_ size: Int, dtype: DType = .float32, device: Device = .cpu) -> Tensor {
        make("identity") { ct_eye(Int64(size), dtype.code, device.code, $0) }
    }

    /// Creates the numbers of a range as a tensor of one axis.
    ///
    /// The type must be able to tell all of them apart; those of int64 are from −2⁵³ to below 2⁵³.
    public static func range(_ range: Range<Int>, dtype: DType = .int64, device: Device = .cpu) -> Tensor {
        let exact = dtype.consecutiveNumbers
        guard range.isEmpty || exact.contains(range.lowerBound) && exact.contains(range.upperBound - 1) else {
            trap(
                "range", [],
                "\(range) as \(dtype), which has consecutive numbers from \(exact.lowerBound) to "
                    + "\(exact.upperBound)")
        }
        if dtype == .bool { return Tensor.range(range, device: device).to(.bool) }
        return make("range") {
            ct_arange(Double(range.lowerBound), Double(range.upperBound), 1, dtype.code, device.code, $0)
        }
    }
}

extension Tensor {
    /// Copies the elements, in row-major order, converted to `Scalar` as by ``to(_:)-(DType)``.
    public func array<Scalar: TensorScalar>(of type: Scalar.Type = Scalar.self) -> [Scalar] {
        let source = to(Scalar.dtype)
        let count = source.count
        // All empty arrays are one object, into which an initialiser writes its count.
        guard count > 0 else { return [] }
        return [Scalar](unsafeUninitializedCapacity: count) { buffer, initialized in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            source.perform("array") { ct_to_bytes($0, bytes.baseAddress, bytes.count) }
            initialized = count
        }
    }

    /// The only element of a tensor that holds one.
    public var scalar: Double {
        guard count == 1 else { Tensor.trap("scalar", [self], "exactly one element was expected") }
        return array(of: Double.self)[0]
    }

    /// Converts the elements; to integers by cutting off, to truth values by comparing with zero.
    ///
    /// Returns the tensor itself if nothing changes.
    public func to(_ dtype: DType) -> Tensor { dtype == self.dtype ? self : make("to") { ct_cast($0, dtype.code, $1) } }

    /// The elements in float32 where they are bfloat16, otherwise the tensor itself.
    ///
    /// Exact, and differentiable: what curvature, losses and sums take.
    public var inFullPrecision: Tensor { dtype == .bfloat16 ? to(.float32) : self }

    /// Copies to another device; returns the tensor itself if it is there already.
    public func to(_ device: Device) -> Tensor {
        device == self.device ? self : make("to") { ct_to_device($0, device.code, $1) }
    }

    /// The same elements in row-major order without gaps; the tensor itself if they are so already.
    public func contiguous() -> Tensor { make("contiguous", ct_contiguous) }

    /// Copies the elements into memory of their own.
    public func copy() -> Tensor { make("copy", ct_clone) }
}

extension Tensor {
    /// The number of elements of a shape; nil if an extent is negative or the memory could not be addressed.
    package static func elementCount(_ shape: [Int]) -> Int? {
        // Extents of 0 do not help the others: libtorch works out the steps in memory for all of them.
        var reach = DType.float64.byteCount
        for extent in shape {
            let (product, overflow) = reach.multipliedReportingOverflow(by: Swift.max(extent, 1))
            guard extent >= 0, !overflow else { return nil }
            reach = product
        }
        return shape.reduce(1, *)
    }

    /// Stops the program if a shape has negative extents, or more elements than can be addressed.
    ///
    /// - Parameter allowsInferred: Whether −1 stands for an extent that follows.
    static func requireCount(
        _ shape: [Int], _ operation: StaticString, of operands: [Tensor] = [], allowsInferred: Bool = false
    ) {
        let known = allowsInferred ? shape.filter { $0 != -1 } : shape
        guard elementCount(known) == nil else { return }
        trap(operation, operands, "there are no tensors of the shape \(shape)")
    }

    /// Copies the elements' raw memory, in row-major order.
    func bytes() -> Data {
        var data = Data(count: count * dtype.byteCount)
        data.withUnsafeMutableBytes { bytes in
            perform("bytes") { ct_to_bytes($0, bytes.baseAddress, bytes.count) }
        }
        return data
    }
}
