import CTorch

/// The type of a tensor's elements.
public enum DType: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// IEEE single precision, the default.
    case float32
    /// IEEE double precision.
    case float64
    /// Signed integers of 64 bits: class labels, indices.
    case int64
    /// Signed integers of 32 bits.
    case int32
    /// Bytes: pixels.
    case uint8
    /// Truth values.
    case bool
    /// The upper half of a single: its range with 8 binary digits; what ``withMixedPrecision(_:_:)`` computes in.
    case bfloat16

    /// Whether the elements are floating-point numbers, which alone can be differentiated.
    public var isFloatingPoint: Bool { isFullPrecision || self == .bfloat16 }

    /// Whether parameters, factors and linear algebra can have this type: that of float32 and float64.
    public var isFullPrecision: Bool { self == .float32 || self == .float64 }

    /// The whole numbers around zero that are told apart, so far as a double can name them.
    var consecutiveNumbers: ClosedRange<Int> {
        switch self {
        case .float64, .int64: -(1 << 53)...(1 << 53) - 1
        case .float32: -(1 << 24)...1 << 24
        case .int32: Int(Int32.min)...Int(Int32.max)
        case .uint8: 0...255
        case .bool: 0...1
        case .bfloat16: -(1 << 8)...1 << 8
        }
    }

    /// The number of bytes that one element takes.
    public var byteCount: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .bfloat16: 2
        case .uint8, .bool: 1
        }
    }

    /// The name of the case.
    public var description: String { rawValue }

    var code: ct_dtype {
        switch self {
        case .float32: CT_FLOAT32
        case .float64: CT_FLOAT64
        case .int64: CT_INT64
        case .int32: CT_INT32
        case .uint8: CT_UINT8
        case .bool: CT_BOOL
        case .bfloat16: CT_BFLOAT16
        }
    }

    init(code: ct_dtype) {
        switch code {
        case CT_FLOAT32: self = .float32
        case CT_FLOAT64: self = .float64
        case CT_INT64: self = .int64
        case CT_INT32: self = .int32
        case CT_UINT8: self = .uint8
        case CT_BOOL: self = .bool
        case CT_BFLOAT16: self = .bfloat16
        default: fatalError("Tensor: an element type of libtorch that this library never creates")
        }
    }
}
