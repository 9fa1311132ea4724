import CTorch

// Operands broadcast: axes are aligned from the last, and an axis of extent 1 (or none) repeats.
// A number takes the tensor's element type and must be one of that type: whole for integers, 0 or 1 for truth values.
// Only division leaves the integers: their quotients have the type float32.

extension Tensor {
    /// Adds element by element.
    public static func + (a: Tensor, b: Tensor) -> Tensor { make("add", a, b, ct_add) }

    /// Subtracts element by element.
    public static func - (a: Tensor, b: Tensor) -> Tensor { make("subtract", a, b, ct_sub) }

    /// Multiplies element by element.
    public static func * (a: Tensor, b: Tensor) -> Tensor { make("multiply", a, b, ct_mul) }

    /// Divides element by element.
    public static func / (a: Tensor, b: Tensor) -> Tensor { make("divide", a, b, ct_div) }

    /// Negates each element.
    public static prefix func - (x: Tensor) -> Tensor { x.make("negate", ct_neg) }

    /// Adds a number to each element.
    public static func + (x: Tensor, value: Double) -> Tensor { x.make("add") { ct_add_scalar($0, value, $1) } }

    /// Adds a number to each element.
    public static func + (value: Double, x: Tensor) -> Tensor { x + value }

    /// Subtracts a number from each element.
    public static func - (x: Tensor, value: Double) -> Tensor {
        x.make("subtract") { ct_sub_scalar($0, value, $1) }
    }

    /// Subtracts each element from a number.
    public static func - (value: Double, x: Tensor) -> Tensor { -x + value }

    /// Multiplies each element by a number.
    public static func * (x: Tensor, value: Double) -> Tensor { x.make("multiply") { ct_mul_scalar($0, value, $1) } }

    /// Multiplies each element by a number.
    public static func * (value: Double, x: Tensor) -> Tensor { x * value }

    /// Divides each element by a number.
    public static func / (x: Tensor, value: Double) -> Tensor { x.make("divide") { ct_div_scalar($0, value, $1) } }

    /// Divides a number by each element.
    public static func / (value: Double, x: Tensor) -> Tensor { x.reciprocal() * value }

    /// Replaces the tensor by its sum with another; the memory of the old one is left alone.
    public static func += (a: inout Tensor, b: Tensor) { a = a + b }

    /// Replaces the tensor by its difference with another; the memory of the old one is left alone.
    public static func -= (a: inout Tensor, b: Tensor) { a = a - b }

    /// Replaces the tensor by its product with another; the memory of the old one is left alone.
    public static func *= (a: inout Tensor, b: Tensor) { a = a * b }

    /// Replaces the tensor by its quotient with another; the memory of the old one is left alone.
    public static func /= (a: inout Tensor, b: Tensor) { a = a / b }

    /// Replaces the tensor by its sum with a number; the memory of the old one is left alone.
    public static func += (a: inout Tensor, value: Double) { a = a + value }

    /// Replaces the tensor by its difference with a number; the memory of the old one is left alone.
    public static func -= (a: inout Tensor, value: Double) { a = a - value }

    /// Replaces the tensor by its product with a number; the memory of the old one is left alone.
    public static func *= (a: inout Tensor, value: Double) { a = a * value }

    /// Replaces the tensor by its quotient with a number; the memory of the old one is left alone.
    public static func /= (a: inout Tensor, value: Double) { a = a / value }
}

// Comparisons give tensors of truth values. They are spelled with a dot, as those of Swift's SIMD types are.
extension Tensor {
    /// Compares for equality, element by element.
    public static func .== (a: Tensor, b: Tensor) -> Tensor { make("equal", a, b, ct_eq) }

    /// Compares for inequality, element by element.
    public static func .!= (a: Tensor, b: Tensor) -> Tensor { make("not equal", a, b, ct_ne) }

    /// Tells where the left element is less than the right one.
    public static func .< (a: Tensor, b: Tensor) -> Tensor { make("less", a, b, ct_lt) }

    /// Tells where the left element is at most the right one.
    public static func .<= (a: Tensor, b: Tensor) -> Tensor { make("less or equal", a, b, ct_le) }

    /// Tells where the left element is greater than the right one.
    public static func .> (a: Tensor, b: Tensor) -> Tensor { make("greater", a, b, ct_gt) }

    /// Tells where the left element is at least the right one.
    public static func .>= (a: Tensor, b: Tensor) -> Tensor { make("greater or equal", a, b, ct_ge) }

    /// Tells where the element equals a number.
    public static func .== (x: Tensor, value: Double) -> Tensor { x.make("equal") { ct_eq_scalar($0, value, $1) } }

    /// Tells where the element differs from a number.
    public static func .!= (x: Tensor, value: Double) -> Tensor { .!(x .== value) }

    /// Tells where the element is less than a number.
    public static func .< (x: Tensor, value: Double) -> Tensor { x.make("less") { ct_lt_scalar($0, value, $1) } }

    /// Tells where the element is at most a number.
    public static func .<= (x: Tensor, value: Double) -> Tensor {
        x.make("less or equal") { ct_le_scalar($0, value, $1) }
    }

    /// Tells where the element is greater than a number.
    public static func .> (x: Tensor, value: Double) -> Tensor { x.make("greater") { ct_gt_scalar($0, value, $1) } }

    /// Tells where the element is at least a number.
    public static func .>= (x: Tensor, value: Double) -> Tensor {
        x.make("greater or equal") { ct_ge_scalar($0, value, $1) }
    }

    /// Both of two truth values.
    public static func .& (a: Tensor, b: Tensor) -> Tensor { make("and", a, b, ct_logical_and) }

    /// Either of two truth values.
    public static func .| (a: Tensor, b: Tensor) -> Tensor { make("or", a, b, ct_logical_or) }

    /// The opposite truth value.
    public static prefix func .! (x: Tensor) -> Tensor { x.make("not", ct_logical_not) }
}
