import Foundation
import Testing
import Torch
import TorchNN

@Suite struct InitializerTests {
    private static let fan = Fan(input: 200, output: 300)

    private static func draw(
        _ initializer: Initializer, _ shape: [Int] = [300, 200], seed: UInt64 = 3, dtype: DType = .float64
    ) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        return initializer(shape, fan: fan, dtype: dtype, using: &generator)
    }

    /// A uniform initialiser's bound or a normal one's deviation, by the formulas of the papers.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let initializer: Initializer
        let deviation: Double
        let isUniform: Bool
    }

    static let cases = [
        Case(testDescription: "standard", initializer: .standard, deviation: 1 / sqrt(3 * 200), isUniform: true),
        Case(
            testDescription: "xavierUniform", initializer: .xavierUniform(), deviation: sqrt(2.0 / 500),
            isUniform: true),
        Case(
            testDescription: "xavierNormal for tanh", initializer: .xavierNormal(gain: 5.0 / 3),
            deviation: 5.0 / 3 * sqrt(2.0 / 500), isUniform: false),
        Case(
            testDescription: "kaimingUniform", initializer: .kaimingUniform(), deviation: sqrt(2.0 / 200),
            isUniform: true),
        Case(
            testDescription: "kaimingNormal", initializer: .kaimingNormal(), deviation: sqrt(2.0 / 200),
            isUniform: false),
        Case(
            testDescription: "kaimingNormal by outputs", initializer: .kaimingNormal(fan: .output),
            deviation: sqrt(2.0 / 300), isUniform: false),
        Case(
            testDescription: "kaimingUniform by the average", initializer: .kaimingUniform(fan: .average, gain: 1),
            deviation: sqrt(1.0 / 250), isUniform: true),
        Case(
            testDescription: "uniform", initializer: .uniform(in: -0.3..<0.3), deviation: 0.3 / sqrt(3),
            isUniform: true),
        Case(
            testDescription: "normal", initializer: .normal(standardDeviation: 0.2), deviation: 0.2,
            isUniform: false),
    ]

    @Test(arguments: cases) func momentsAndBounds(_ c: Case) {
        let value = Self.draw(c.initializer)
        // 60,000 numbers: the standard error of the mean is 0.4 % of the deviation, that of the variance at most 0.6 %.
        #expect(abs(value.mean().scalar) < 0.02 * c.deviation)
        #expect(abs(value.variance().scalar / (c.deviation * c.deviation) - 1) < 0.03)
        let reach = value.abs().max().scalar
        let bound = c.deviation * sqrt(3)
        if c.isUniform {
            #expect(reach <= bound && reach > 0.999 * bound)
        } else {
            #expect(reach > 3.5 * c.deviation && reach < 6 * c.deviation)
        }
    }

    @Test func constants() {
        expectClose(Self.draw(.zeros, [3]), Tensor([0.0, 0, 0]), tolerance: 0)
        expectClose(Self.draw(.ones, [2]), Tensor([1.0, 1]), tolerance: 0)
        expectClose(Self.draw(.constant(0.5), [2]), Tensor([0.5, 0.5]), tolerance: 0)
        #expect(abs(Self.draw(.normal(mean: 2, standardDeviation: 0.1)).mean().scalar - 2) < 0.002)
    }

    @Test(arguments: [[4, 7], [7, 4], [5, 5], [6, 2, 3, 3], [30, 2, 3, 3]])
    func orthogonalMatrices(_ shape: [Int]) {
        let value = Self.draw(.orthogonal(gain: 3), shape).detached()
        #expect(value.shape == shape)
        let matrix = value.reshaped([shape[0], -1])
        let gram =
            matrix.shape[0] <= matrix.shape[1]
            ? matrix.matmul(matrix.transposed()) : matrix.transposed().matmul(matrix)
        expectClose(gram, Tensor.identity(gram.shape[0], dtype: .float64) * 9)
    }

    @Test func orthogonalIsNotBiasedToASign() {
        // Without the correction by R's diagonal, the corner of Q would always have one sign.
        let corners = (0..<32).map { Self.draw(.orthogonal(), [3, 3], seed: $0)[0, 0].scalar }
        #expect(corners.contains { $0 > 0 } && corners.contains { $0 < 0 })
    }

    @Test func sparseRows() {
        let value = Self.draw(.sparse(standardDeviation: 2))
        let connections = (.!(value .== 0)).to(.float64)
        expectClose(connections.sum(1), Tensor.full([300], 15, dtype: .float64), tolerance: 0)
        // 4,500 numbers: the standard error of the variance is 2 %.
        #expect(abs(value.squared().sum().scalar / (300 * 15) - 4) < 0.3)
        // The places differ from row to row: each input is used about 22 times, and surely by fewer than 60.
        #expect(connections.sum(0).max().scalar < 60)
    }

    @Test func sparseTakesAllOfFewInputs() {
        let value = Self.draw(.sparse(connections: 15), [8, 4])
        #expect(!(value .== 0).any())
    }

    @Test func sparseBiasTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = InitializerTests.draw(.sparse(), [8])
        }
        #expect(result.message.contains("Initializer.sparse: a parameter of shape [8] is not a matrix"))
    }

    @Test func parametersAreLeavesWithMemoryOfTheirOwn() {
        let table = Tensor.zeros([2, 2], dtype: .float64)
        let fixed = Initializer { _, _, _ in table }
        let first = Self.draw(fixed, [2, 2])
        withoutGradients { first.fill(1) }
        expectClose(Self.draw(fixed, [2, 2]), table, tolerance: 0)
        #expect(first.requiresGradient && !table.requiresGradient)
    }

    @Test func fanOfLayers() {
        // An initialiser that writes down the counts it is given.
        let counts = Initializer { shape, fan, _ in
            Tensor.full(shape, Double(fan.input * 1000 + fan.output), dtype: .float64)
        }
        var generator = RandomGenerator(seed: 1)
        func fan(_ weight: Tensor) -> [Int] {
            let value = Int(weight.flattened()[0].scalar)
            return [value / 1000, value % 1000]
        }
        #expect(fan(Linear(7, 5, weight: counts, using: &generator).weight) == [7, 5])
        #expect(fan(Linear(7, 5, bias: counts, using: &generator).bias!) == [7, 5])
        #expect(fan(Convolution2D(4, 6, kernel: 3, weight: counts, using: &generator).weight) == [36, 54])
        #expect(fan(Convolution1D(4, 6, kernel: 3, groups: 2, weight: counts, using: &generator).weight) == [6, 9])
        #expect(fan(Convolution3D(1, 2, kernel: 2, weight: counts, using: &generator).weight) == [8, 16])
        #expect(fan(TransposedConvolution2D(4, 6, kernel: 3, weight: counts, using: &generator).weight) == [36, 54])
        #expect(fan(Embedding(9, 3, weight: counts, using: &generator).weight) == [1, 3])
        #expect(Fan(input: 7, output: 5).count(.average) == 6)
    }

    @Test(arguments: [Initializer.standard, .xavierNormal(), .orthogonal(), .sparse()])
    func precisionsAgree(_ initializer: Initializer) {
        let double = Self.draw(initializer, [20, 30])
        let single = Self.draw(initializer, [20, 30], dtype: .float32)
        #expect(single.dtype == .float32)
        expectClose(single, double.to(.float32), tolerance: 0)
        #expect((double .!= Self.draw(initializer, [20, 30], seed: 4)).any())
    }
}
