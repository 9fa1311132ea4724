import Optimization
import Torch

/// The quadratic model of the objective in the span of some directions dᵢ:
/// q(s) = ½ sᵀ(C + λ I) s + gᵀs for s = Σ xᵢ dᵢ, as a function of the coefficients x.
///
/// A value of a few numbers, with all that a step rule needs to know of the directions.
public struct QuadraticModel: Sendable, Hashable {
    /// dᵢᵀ C dⱼ, the real curvature of the objective: F, and the L2 term.
    public var curvature: [[Double]]
    /// dᵢᵀ dⱼ.
    public var products: [[Double]]
    /// gᵀ dᵢ.
    public var slopes: [Double]
    /// λ, which the model trusts itself less by.
    public var damping: Double

    /// Creates a model of its numbers.
    public init(curvature: [[Double]], products: [[Double]], slopes: [Double], damping: Double) {
        self.curvature = curvature
        self.products = products
        self.slopes = slopes
        self.damping = damping
    }

    /// q at a step.
    ///
    /// - Parameters:
    ///   - coefficients: x, one for each direction.
    ///   - includingDamping: Whether ½ λ ‖s‖² is part of it, which is no property of the objective.
    public func value(at coefficients: [Double], includingDamping: Bool = true) -> Double {
        let damping = includingDamping ? damping : 0
        var value = 0.0
        for (i, x) in coefficients.enumerated() {
            value += slopes[i] * x
            for (j, y) in coefficients.enumerated() {
                value += (curvature[i][j] + damping * products[i][j]) * x * y / 2
            }
        }
        return value
    }

    /// The coefficients of the least value, of one or two directions.
    ///
    /// Where the second direction says nothing new (at the first step, when the last one was none; or along the first
    /// direction), its coefficient is zero; where there is no curvature at all, both are.
    public func minimizer() -> [Double] {
        guard slopes.count > 1 else { return [minimizer(fixing: [])] }
        let determinant = matrix(0, 0) * matrix(1, 1) - matrix(0, 1) * matrix(0, 1)
        // The share is the squared sine of the angle between the directions, of which vectors in single precision tell
        // angles from 1e-5 on: their products are sums in double precision. Elsewhere there is no minimum.
        guard determinant.isFinite, matrix(0, 0) > 0, determinant > 1e-10 * matrix(0, 0) * matrix(1, 1) else {
            return [minimizer(fixing: [0]), 0]
        }
        return [
            (matrix(0, 1) * slopes[1] - matrix(1, 1) * slopes[0]) / determinant,
            (matrix(0, 1) * slopes[0] - matrix(0, 0) * slopes[1]) / determinant,
        ]
    }

    /// The first coefficient of the least value for given others; 0 where there is no curvature.
    public func minimizer(fixing others: [Double]) -> Double {
        guard matrix(0, 0) > 0 else { return 0 }
        let slope = others.enumerated().reduce(slopes[0]) { $0 + matrix(0, $1.offset + 1) * $1.element }
        return -slope / matrix(0, 0)
    }

    private func matrix(_ row: Int, _ column: Int) -> Double {
        curvature[row][column] + damping * products[row][column]
    }
}

extension QuadraticModel {
    /// Forms the model from directions, the products of F with them, and the gradient.
    ///
    /// - Parameters:
    ///   - curvature: dᵢᵀ F dⱼ of the mean loss, [directions, directions].
    ///   - directions: Lists of tensors in the shapes of the parameters.
    ///   - gradient: g, of the objective.
    ///   - regularization: The weight η of the L2 term, whose curvature is real.
    ///   - damping: λ.
    init(
        curvature: Tensor, directions: [[Tensor]], gradient: [Tensor], regularization: [Double], damping: Double
    ) {
        let count = directions.count
        let values = curvature.to(.float64).flattened().array(of: Double.self)
        var real = (0..<count).map { Array(values[($0 * count)..<(($0 + 1) * count)]) }
        var products = real
        for i in 0..<count {
            for j in 0...i {
                let terms = zip(directions[i], directions[j]).map { $0.innerProduct($1) }
                products[i][j] = innerSum(terms)
                let l2 =
                    regularization.allSatisfy { $0 == 0 } ? 0 : innerSum(zip(terms, regularization).map { $0 * $1 })
                (products[j][i], real[i][j]) = (products[i][j], real[i][j] + l2)
                if j < i { real[j][i] += l2 }
            }
        }
        self.init(
            curvature: real, products: products, slopes: directions.map { inner(gradient, $0) }, damping: damping)
    }
}
