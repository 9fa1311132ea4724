import CTorch

// Operands broadcast: axes are aligned from the last, and an axis of extent 1 (or none) repeats.
// A number takes the tensor's element type and must be one of that type: whole for integers, 0 or 1 for truth values.
// Only division leaves the integers: their quotients have the type float32.

extension Tensor {
    /// Adds element by element.
    public static func + (a: Tensor, b: Tensor) -> Tensor { make("add", a, b, kt_add) }

    /// Subtracts element by element.
    public static func - (a: Tensor, b: Tensor) -> Tensor { make("subtract", a, b, kt_sub) }

    /// Multiplies element by element.
    public static func * (a: Tensor, b: Tensor) -> Tensor { make("multiply", a, b, kt_mul) }

    /// Divides element by element.
    public static func / (a: Tensor, b: Tensor) -> Tensor { make("divide", a, b, kt_div) }

    /// Negates each element.
    public static prefix func - (x: Tensor) -> Tensor { x.make("negate", kt_neg) }

    /// Adds a number to each element.
    public static func + (x: Tensor, value: Double) -> Tensor { x.make("add") { kt_add_scalar($0, value, $1) } }

    /// Adds a number to each element.
    public static func + (value: Double, x: Tensor) -> Tensor { x + value }

    /// Subtracts a number from each element.
    public static func - (x: Tensor, value: Double) -> Tensor {
        x.make("subtract") { kt_sub_scalar($0, value, $1) }
    }

    /// Subtracts each element from a number.
    public static func - (value: Double, x: Tensor) -> Tensor { -x + value }

    /// Multiplies each element by a number.
    public static func * (x: Tensor, value: Double) -> Tensor { x.make("multiply") { kt_mul_scalar($0, value, $1) } }

    /// Multiplies each element by a number.
    public static func * (value: Double, x: Tensor) -> Tensor { x * value }

    /// Divides each element by a number.
    public static func / (x: Tensor, value: Double) -> Tensor { x.make("divide") { kt_div_scalar($0, value, $1) } }

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
    public static func .== (a: Tensor, b: Tensor) -> Tensor { make("equal", a, b, kt_eq) }

    /// Compares for inequality, element by element.
    public static func .!= (a: Tensor, b: Tensor) -> Tensor { make("not equal", a, b, kt_ne) }

    /// Tells where the left element is less than the right one.
    public static func .< (a: Tensor, b: Tensor) -> Tensor { make("less", a, b, kt_lt) }

    /// Tells where the left element is at most the right one.
    public static func .<= (a: Tensor, b: Tensor) -> Tensor { make("less or equal", a, b, kt_le) }

    /// Tells where the left element is greater than the right one.
    public static func .> (a: Tensor, b: Tensor) -> Tensor { make("greater", a, b, kt_gt) }

    /// Tells where the left element is at least the right one.
    public static func .>= (a: Tensor, b: Tensor) -> Tensor { make("greater or equal", a, b, kt_ge) }

    /// Tells where the element equals a number.
    public static func .== (x: Tensor, value: Double) -> Tensor { x.make("equal") { kt_eq_scalar($0, value, $1) } }

    /// Tells where the element differs from a number.
    public static func .!= (x: Tensor, value: Double) -> Tensor { .!(x .== value) }

    /// Tells where the element is less than a number.
    public static func .< (x: Tensor, value: Double) -> Tensor { x.make("less") { kt_lt_scalar($0, value, $1) } }

    /// Tells where the element is at most a number.
    public static func .<= (x: Tensor, value: Double) -> Tensor {
        x.make("less or equal") { kt_le_scalar($0, value, $1) }
    }

    /// Tells where the element is greater than a number.
    public static func .> (x: Tensor, value: Double) -> Tensor { x.make("greater") { kt_gt_scalar($0, value, $1) } }

    /// Tells where the element is at least a number.
    public static func .>= (x: Tensor, value: Double) -> Tensor {
        x.make("greater or equal") { kt_ge_scalar($0, value, $1) }
    }

    /// Both of two truth values.
    public static func .& (a: Tensor, b: Tensor) -> Tensor { make("and", a, b, kt_logical_and) }

    /// Either of two truth values.
    public static func .| (a: Tensor, b: Tensor) -> Tensor { make("or", a, b, kt_logical_or) }

    /// The opposite truth value.
    public static prefix func .! (x: Tensor) -> Tensor { x.make("not", kt_logical_not) }
}
