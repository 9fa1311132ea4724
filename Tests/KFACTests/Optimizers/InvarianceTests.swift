import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The invariance theorem (Martens & Grosse 2015, section 10, theorem 1): undamped K-FAC takes two networks that are
/// the same function, with inputs and activations in other coordinates, along the same path of functions.
@Suite struct InvarianceTests {
    /// Affine maps of the input, of the hidden layer's pre-activation and of its activation.
    private struct Coordinates {
        /// The input seen is x M + m.
        let inputMap: Tensor
        let inputShift: Tensor
        /// The activation is h C + c with h = tanh(s D + d), of the pre-activation s seen.
        let innerMap: Tensor
        let innerShift: Tensor
        let outerMap: Tensor
        let outerShift: Tensor

        static let original = Coordinates(
            inputMap: .identity(3, dtype: .float64), inputShift: .zeros([3], dtype: .float64),
            innerMap: .identity(4, dtype: .float64), innerShift: .zeros([4], dtype: .float64),
            outerMap: .identity(4, dtype: .float64), outerShift: .zeros([4], dtype: .float64))

        /// Well-conditioned maps: the identity and something random.
        static let other = Coordinates(
            inputMap: map(3, seed: 41), inputShift: randomTensor([3], seed: 42), innerMap: map(4, seed: 43),
            innerShift: randomTensor([4], seed: 44), outerMap: map(4, seed: 45), outerShift: randomTensor([4], seed: 46)
        )

        private static func map(_ size: Int, seed: UInt64) -> Tensor {
            Tensor.identity(size, dtype: .float64) * 1.5 + randomTensor([size, size], seed: seed) * 0.6
        }
    }

    /// The outputs after 20 steps of the network that is, in the given coordinates, always the same function.
    private func outputs(in coordinates: Coordinates, damping: Double, estimation: Estimation) throws -> Tensor {
        let x = randomTensor([50, 3], seed: 2)
        let targets = randomTensor([50, 2], seed: 3)
        let seen = x.matmul(coordinates.inputMap) + coordinates.inputShift

        // Row vectors: s = x W + b becomes (s − d) D⁻¹ of the input seen; h W + b that of the activation seen.
        let first = randomTensor([3, 4], seed: 11)
        let firstBias = randomTensor([4], seed: 12)
        let second = randomTensor([4, 2], seed: 13)
        let secondBias = randomTensor([2], seed: 14)
        let innerInverse = try coordinates.innerMap.inverse()
        let newFirst = try coordinates.inputMap.inverse().matmul(first).matmul(innerInverse)
        let newFirstBias =
            (firstBias - coordinates.innerShift).matmul(innerInverse) - coordinates.inputShift.matmul(newFirst)
        let newSecond = try coordinates.outerMap.inverse().matmul(second)
        let newSecondBias = secondBias - coordinates.outerShift.matmul(newSecond)
        let parameters = [
            newFirst.transposed().contiguous(), newFirstBias, newSecond.transposed().contiguous(), newSecondBias,
        ].map { $0.copy().requiringGradient() }

        func network() -> Tensor {
            let s = linear(seen, weight: parameters[0], bias: parameters[1])
            let h = (s.matmul(coordinates.innerMap) + coordinates.innerShift).tanh()
            let activation = h.matmul(coordinates.outerMap) + coordinates.outerShift
            return linear(activation, weight: parameters[2], bias: parameters[3])
        }
        let optimizer = KFACOptimizer(
            parameters.enumerated().map { NamedParameter("\($0.offset)", $0.element) },
            configuration: .init(
                rule: .fixed(learningRate: 0.1, momentum: 0.5), damping: .constant(damping), estimation: estimation,
                inverses: .together(every: 3)),
            generator: RandomGenerator(seed: 4))
        for _ in 0..<20 { try optimizer.step { Loss(Normal(mean: network(), variance: 0.5), targets: targets) } }
        return network().detached()
    }

    @Test(arguments: [Estimation.exact, .sampled(), .sampled(draws: 3), .curvaturePropagation()])
    func coordinatesDoNotMatterWithoutDamping(estimation: Estimation) throws {
        expectClose(
            try outputs(in: .other, damping: 0, estimation: estimation),
            try outputs(in: .original, damping: 0, estimation: estimation), relative: 1e-8, absolute: 1e-8)
    }

    @Test func coordinatesMatterWithDamping() throws {
        let difference =
            try outputs(in: .other, damping: 0.01, estimation: .exact)
            - outputs(in: .original, damping: 0.01, estimation: .exact)
        #expect(difference.abs().max().scalar > 1e-3)
    }
}
