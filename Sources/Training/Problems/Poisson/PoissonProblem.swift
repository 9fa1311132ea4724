import Foundation
public import KFAC
public import Torch
import TorchNN

/// A network that solves Poisson's equation −Δu = f on the unit square with u = 0 on its boundary, by having its
/// residual made small: a physics-informed network (Raissi, Perdikaris & Karniadakis 2019).
///
/// The solution is u(x, y) = sin(πx) sin(πy), for which f = 2π² u. An example is a pair of points, one inside and one
/// on the boundary; its loss is ½ (Δu + f)² + w · ½ u², each the likelihood of a normal distribution. In double
/// precision.
public struct PoissonProblem: Problem {
    /// Pairs of points.
    public struct Batch: Sendable {
        /// Points of the square, [batch, 2].
        public let interior: Tensor
        /// Points of its boundary, [batch, 2].
        public let boundary: Tensor

        /// Puts points together.
        public init(interior: Tensor, boundary: Tensor) {
            guard interior.rank == 2, boundary.rank == 2 else {
                fatalError(
                    "PoissonProblem.Batch: points of shapes \(interior.shape) and \(boundary.shape); [count, dimensions] is "
                        + "needed")
            }
            self.interior = interior
            self.boundary = boundary
        }

        /// The number of pairs.
        public var count: Int { interior.shape[0] }

        func gathered(_ indices: Tensor) -> Batch {
            let indices = indices.to(interior.device)
            return Batch(interior: interior.gathered(indices), boundary: boundary.gathered(indices))
        }

        func part(_ range: Range<Int>) -> Batch {
            Batch(interior: interior.part(range), boundary: boundary.part(range))
        }
    }

    /// The network, from [batch, 2] to [batch, 1].
    public let model: LaplacePerceptron
    /// The training points, drawn uniformly.
    public let training: Batch
    /// The test points: those of a regular grid, in random order.
    public let test: Batch
    /// w, what the loss on the boundary is multiplied by.
    public let boundaryWeight: Double

    /// The parameters of the network.
    public let parameters: [NamedParameter]

    /// The settings that the points follow from.
    public let dataFingerprint: [String: String]

    /// Draws points for a network.
    ///
    /// - Parameters:
    ///   - model: A network of two inputs and one output, in double precision.
    ///   - trainingCount: The number of pairs of training points, positive.
    ///   - testSide: The number of test points along each side of the square, positive.
    ///   - boundaryWeight: What the loss on the boundary is multiplied by. With 1, the boundary is what is learned
    ///     last: after 200 steps of K-FAC the error is ten times that with 100.
    ///   - seed: What the points follow from.
    public init(
        model: LaplacePerceptron, trainingCount: Int = 3000, testSide: Int = 100, boundaryWeight: Double = 100,
        seed: UInt64 = 0
    ) {
        guard trainingCount > 0, testSide > 0 else {
            fatalError(
                "PoissonProblem: \(trainingCount) training points, \(testSide) x \(testSide) test points")
        }
        self.model = model
        self.boundaryWeight = boundaryWeight
        parameters = model.namedParameters.filter(\.tensor.requiresGradient)
        dataFingerprint = [
            "points": "drawn with seed \(seed)", "test points": "\(testSide) x \(testSide) in an order of seed \(seed)",
        ]

        let device = parameters.first?.tensor.device ?? .cpu
        var generator = RandomGenerator(seed: seed)
        func batch(_ interior: Tensor, _ perimeter: Tensor) -> Batch {
            Batch(interior: interior.to(device), boundary: Self.boundary(at: perimeter).to(device))
        }
        training = batch(
            generator.uniform([trainingCount, 2], dtype: .float64),
            generator.uniform([trainingCount], in: 0..<4, dtype: .float64))
        // The middles of the cells: none is on the boundary, where the solution is zero.
        let middles = (Tensor.range(0..<testSide, dtype: .float64) + 0.5) / Double(testSide)
        let count = testSide * testSide
        let grid = Tensor.stack(
            [middles.expanded(at: 1), middles.expanded(at: 0)].map {
                $0.broadcast(to: [testSide, testSide]).flattened()
            },
            axis: 1)
        let order = generator.permutation(count)
        test = batch(
            grid.gathered(order), (Tensor.range(0..<count, dtype: .float64) * (4 / Double(count))).gathered(order))
    }

    /// The points of the boundary at distances from a corner, from 0 to 4, once around: [count, 2].
    private static func boundary(at perimeter: Tensor) -> Tensor {
        // x rises along the first side, stays, falls along the third, stays; y does so one side later.
        func trapezoid(_ distance: Tensor) -> Tensor {
            Tensor.minimum(distance, 3 - distance).clamped(atLeast: 0).clamped(atMost: 1)
        }
        let before = Tensor.select(perimeter .>= 1, perimeter - 1, perimeter + 3)
        return Tensor.stack([trapezoid(perimeter), trapezoid(before)], axis: 1)
    }

    /// The solution, sin(πx) sin(πy): [batch, 1] of [batch, 2].
    public static func solution(at points: Tensor) -> Tensor {
        let sines = (points * .pi).sin()
        return sines[.all, 0..<1] * sines[.all, 1...]
    }

    /// f = 2π² u.
    private static func source(at points: Tensor) -> Tensor { solution(at: points) * (2 * .pi * .pi) }

    public var name: String { "poisson" }

    /// ‖u − solution‖ / ‖solution‖ on the test points.
    public var errorName: String? { "relative L2 error" }

    public var trainingCount: Int { training.count }

    public var testCount: Int { test.count }

    public func trainingBatch(at indices: Tensor) -> Batch { training.gathered(indices) }

    public func part(_ range: Range<Int>, of batch: Batch) -> Batch { batch.part(range) }

    public func loss(of batch: Batch) -> Loss {
        let laplacian = model.valueAndLaplacian(at: batch.interior).laplacian
        let onBoundary = model(batch.boundary)
        return Self.halfSquare(-laplacian, Self.source(at: batch.interior))
            + boundaryWeight * Self.halfSquare(onBoundary, Tensor.zeros(like: onBoundary.detached()))
    }

    /// ½ (prediction − target)² as a likelihood.
    ///
    /// With the variance 1/2π the normalising constant is zero, so that the loss tends to zero with the error.
    private static func halfSquare(_ prediction: Tensor, _ targets: Tensor) -> Loss {
        let variance = 1 / (2 * Double.pi)
        return variance * Loss(Normal(mean: prediction, variance: variance), targets: targets)
    }

    public func state() -> [String: Tensor] { model.state() }

    public func load(state: [String: Tensor]) throws { try model.load(state: state) }

    public func weights() -> [String: Tensor] { model.pyTorchWeights() }

    public func load(weights: [String: Tensor]) throws { try model.load(pyTorchWeights: weights) }

    public func evaluate(limit: Int?) -> Score {
        requireTests(limit, of: "PoissonProblem")
        let test = test.part(0..<min(limit ?? testCount, testCount))
        return withoutGradients {
            let truth = Self.solution(at: test.interior)
            let error = (model(test.interior) - truth).norm().scalar / truth.norm().scalar
            return Score(examples: test.count, loss: loss(of: test).mean.scalar, error: error)
        }
    }
}
