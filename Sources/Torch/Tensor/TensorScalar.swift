import CTorch

/// A Swift type whose values can be a tensor's elements.
public protocol TensorScalar: Sendable {
    /// The element type of tensors made from arrays of these.
    static var dtype: DType { get }
}

extension Float: TensorScalar {
    /// The element type of tensors made from arrays of these.
    public static var dtype: DType { .float32 }
}

extension Double: TensorScalar {
    /// The element type of tensors made from arrays of these.
    public static var dtype: DType { .float64 }
}

extension Int: TensorScalar {
    /// The element type of tensors made from arrays of these.
    public static var dtype: DType { .int64 }
}

extension Int64: TensorScalar {
    /// The element type of tensors made from arrays of these.
    public static var dtype: DType { .int64 }
}

extension Int32: TensorScalar {
    /// The element type of tensors made from arrays of these.
    public static var dtype: DType { .int32 }
}

extension UInt8: TensorScalar {
    /// The element type of tensors made from arrays of these.
    public static var dtype: DType { .uint8 }
}

extension Bool: TensorScalar {
    /// The element type of tensors made from arrays of these.
    public static var dtype: DType { .bool }
}
