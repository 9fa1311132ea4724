import CTorch

// Functions of each element.
extension Tensor {
    /// The absolute value.
    public func abs() -> Tensor { make("abs", ct_abs) }

    /// −1, 0 or 1.
    public func sign() -> Tensor { make("sign", ct_sign) }

    /// The exponential.
    public func exp() -> Tensor { make("exp", ct_exp) }

    /// The natural logarithm.
    public func log() -> Tensor { make("log", ct_log) }

    /// The natural logarithm of 1 + x, accurate near zero.
    public func log1p() -> Tensor { make("log1p", ct_log1p) }

    /// The square root.
    public func squareRoot() -> Tensor { make("squareRoot", ct_sqrt) }

    /// The inverse of the square root.
    public func reciprocalSquareRoot() -> Tensor { make("reciprocalSquareRoot", ct_rsqrt) }

    /// The square.
    public func squared() -> Tensor { make("squared", ct_square) }

    /// 1 divided by the element.
    public func reciprocal() -> Tensor { make("reciprocal", ct_reciprocal) }

    /// The sine.
    public func sin() -> Tensor { make("sin", ct_sin) }

    /// The cosine.
    public func cos() -> Tensor { make("cos", ct_cos) }

    /// The error function.
    public func erf() -> Tensor { make("erf", ct_erf) }

    /// The greatest whole number that is not greater.
    public func floor() -> Tensor { make("floor", ct_floor) }

    /// The nearest whole number, ties to even.
    public func rounded() -> Tensor { make("rounded", ct_round) }

    /// The power with a fixed exponent.
    public func pow(_ exponent: Double) -> Tensor { make("pow") { ct_pow_scalar($0, exponent, $1) } }

    /// The power with an exponent for each element.
    public func pow(_ exponent: Tensor) -> Tensor { Tensor.make("pow", self, exponent, ct_pow) }

    /// Whether the element is neither infinite nor NaN.
    public func isFinite() -> Tensor { make("isFinite", ct_isfinite) }

    /// The element, but at least `bound`.
    public func clamped(atLeast bound: Double) -> Tensor { make("clamped") { ct_clamp_min_scalar($0, bound, $1) } }

    /// The element, but at most `bound`.
    public func clamped(atMost bound: Double) -> Tensor { make("clamped") { ct_clamp_max_scalar($0, bound, $1) } }

    /// The greater of two elements.
    public static func maximum(_ a: Tensor, _ b: Tensor) -> Tensor { make("maximum", a, b, ct_maximum) }

    /// The lesser of two elements.
    public static func minimum(_ a: Tensor, _ b: Tensor) -> Tensor { make("minimum", a, b, ct_minimum) }

    /// The element of `a` where `condition` holds, of `b` elsewhere.
    public static func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
        make("select", [condition, a, b]) { ct_where($0![0], $0![1], $0![2], $2) }
    }
}

// Activations.
extension Tensor {
    /// The hyperbolic tangent.
    public func tanh() -> Tensor { make("tanh", ct_tanh) }

    /// The logistic function 1 / (1 + exp(−x)).
    public func sigmoid() -> Tensor { make("sigmoid", ct_sigmoid) }

    /// The rectifier max(x, 0).
    public func relu() -> Tensor { make("relu", ct_relu) }

    /// The Gaussian error linear unit, in its exact form.
    public func gelu() -> Tensor { make("gelu", ct_gelu) }

    /// The sigmoid linear unit x · sigmoid(x).
    public func silu() -> Tensor { make("silu", ct_silu) }

    /// log(1 + exp(x)), without overflow.
    public func softplus() -> Tensor { make("softplus", ct_softplus) }

    /// The exponentials along an axis, divided by their sum.
    public func softmax(axis: Int = -1) -> Tensor { make("softmax") { ct_softmax($0, Int64(axis), $1) } }

    /// The logarithm of the softmax, without overflow.
    public func logSoftmax(axis: Int = -1) -> Tensor { make("logSoftmax") { ct_log_softmax($0, Int64(axis), $1) } }
}
