import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The errors of the kernels in single precision over 1,000 random shapes, against the same in double precision.
///
/// A sum of k products, in any order, is off by at most about k units of rounding of the sum of their sizes: a wrong
/// term, or one too many, is off by more.
@Suite struct KernelErrorTests {
    /// Half the distance from 1 to the next number.
    private static let unit = 0x1p-24

    /// Shapes, most of them small, and values, in a fixed order.
    private struct Shapes {
        var random: SplitMix

        init(seed: UInt64) { random = SplitMix(state: seed) }

        /// A size with a uniformly drawn logarithm.
        mutating func size(_ range: ClosedRange<Int>) -> Int {
            let bounds = (log(Double(range.lowerBound)), log(Double(range.upperBound) + 1))
            return min(Int(exp(Double.random(in: bounds.0..<bounds.1, using: &random))), range.upperBound)
        }

        mutating func isTrue() -> Bool { Bool.random(using: &random) }

        mutating func normal(_ shape: [Int]) -> Tensor {
            var generator = RandomGenerator(seed: random.next())
            return generator.normal(shape)
        }

        /// A matrix, by rows or by columns.
        mutating func matrix(_ rows: Int, _ columns: Int) -> Tensor {
            isTrue() ? normal([rows, columns]) : normal([columns, rows]).transposed()
        }
    }

    /// The greatest error of an element, in units of what rounding allows.
    private func ratio(_ result: Tensor, _ exact: Tensor, allowed: Tensor) -> Double {
        ((result.to(.float64) - exact).abs() / allowed).max().scalar
    }

    @Test(.enabled(if: MatrixProducts.kernels.isAvailable, "needs a processor with registers of 64 bytes"))
    func products() {
        var shapes = Shapes(seed: 1)
        var worst = 0.0
        for _ in 0..<300 {
            let (rows, depth, columns) = (shapes.size(128...200), shapes.size(64...1500), shapes.size(128...200))
            let (left, right) = (shapes.matrix(rows, depth), shapes.matrix(depth, columns))
            let product = MatrixProducts.kernels.run { left.matmul(right) }
            let (exactLeft, exactRight) = (left.to(.float64), right.to(.float64))
            let allowed = exactLeft.abs().matmul(exactRight.abs()) * (Self.unit * Double(depth + 1))
            let error = ratio(product, exactLeft.matmul(exactRight), allowed: allowed)
            #expect(error < 1, "[\(rows), \(depth)] x [\(depth), \(columns)]: \(error)")
            worst = max(worst, error)
        }
        // Sums by parts do better than the worst order.
        #expect(worst < 0.2, "\(worst)")
    }

    @Test(arguments: [0, 32, 64]) func symmetricProducts(registerBytes: Int) {
        var shapes = Shapes(seed: 2)
        for _ in 0..<100 {
            let (n, count, locations) = (shapes.size(1...300), shapes.size(1...600), shapes.size(1...4))
            let vectors =
                shapes.isTrue()
                ? shapes.normal([count, n, locations]) : shapes.normal([n, count, locations]).transposed(0, 1)
            let target = Tensor.zeros([1, n, n])
            target.formSum(withSecondMomentOf: vectors, beta: 0, alpha: 1, registerBytes: registerBytes)
            let columns = vectors.to(.float64).transposed(0, 1).reshaped([n, -1])
            let sizes = columns.abs().matmul(columns.abs().transposed())
            let allowed = sizes * (Self.unit * Double(count * locations + 2))
            let error = ratio(target[0], columns.matmul(columns.transposed()), allowed: allowed)
            #expect(error < 1, "\(count) x \(locations) vectors of \(n): \(error)")
        }
    }

    /// The relative error of an inverse of n rows is at most about n units of rounding times the condition number.
    @Test func inverses() throws {
        var shapes = Shapes(seed: 3)
        for _ in 0..<100 {
            let (n, damping) = (shapes.size(1...300), pow(10, -Double(shapes.size(1...4))))
            let vectors = shapes.normal([shapes.size(1...600), n])
            let matrix = vectors.transposed().matmul(vectors) / Double(vectors.shape[0])
            let damped = matrix.to(.float64) + Tensor.identity(n, dtype: .float64) * damping
            let exact = try damped.inverse()
            let error = norm(try matrix.dampedInverse(damping).to(.float64) - exact) / norm(exact)
            // The norms of both are more than their largest eigenvalues.
            let bound = Self.unit * Double(n + 4) * norm(damped) * norm(exact)
            #expect(error < bound, "\(n) rows, damping \(damping): \(error), \(bound) allowed")
        }
    }

    @Test(arguments: [0, 32, 64]) func momentsOfPatches(registerBytes: Int) {
        var shapes = Shapes(seed: 4)
        for _ in 0..<100 {
            let kernel = [shapes.size(1...3), shapes.size(2...3)]
            let geometry = ConvolutionGeometry(
                kernel: kernel, stride: [shapes.size(1...2), shapes.size(1...2)],
                padding: kernel.map { shapes.size(1...$0) - 1 })
            let (batch, channels) = (shapes.size(1...6), shapes.size(1...200))
            let spatial = [shapes.size(3...8), shapes.size(3...8)]
            let images = shapes.normal([batch, channels] + spatial)
            let layout = shapes.isTrue() ? ImageLayout.channelsLast : .standard
            let edges = [LagPlan.Edges.divided, .windows(1), .windows(3)].randomElement(using: &shapes.random)!
            let n = channels * kernel[0] * kernel[1]
            let plan = LagPlan(spatial: spatial, geometry: geometry, edges: edges)
            let (target, exact) = (Tensor.zeros([1, n, n]), Tensor.zeros([n, n], dtype: .float64))
            plan.products.accumulate(
                images.contiguous(in: layout), into: target, beta: 0, alpha: 1, registerBytes: registerBytes)
            Patches.rows(of: images.to(.float64), geometry: geometry, hasBias: false)
                .accumulate(into: exact, keep: 0, scale: 1, form: .plain)
            // Sums are over whole images, of which some columns are taken off again.
            let pixels = images.to(.float64).transposed(0, 1).reshaped([channels, -1])
            let size = pixels.squared().sum(1).squareRoot().expanded(at: 1)
                .broadcast(to: [channels, kernel[0] * kernel[1]]).reshaped([-1])
            let terms = 2 * (batch * spatial[0] * spatial[1] + 8)
            let allowed = size.expanded(at: 1) * size.expanded(at: 0) * (Self.unit * Double(terms))
            let error = ratio(target[0], exact, allowed: allowed)
            #expect(
                error < 1, "\(images.shape), \(geometry), \(edges), \(layout), \(registerBytes) bytes: \(error)")
        }
    }

    private func norm(_ tensor: Tensor) -> Double { tensor.squared().sum().scalar.squareRoot() }
}
