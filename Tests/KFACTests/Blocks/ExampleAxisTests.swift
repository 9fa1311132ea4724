import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The axis of the examples is known, not guessed; generic blocks take examples apart.
@Suite struct ExampleAxisTests {
    private static let inputs = Tensor([1.0, 2, 3, 4], shape: [2, 2, 1])

    private static func loss(_ z: Tensor) -> Loss {
        Loss(Normal(mean: z), targets: Tensor.zeros(like: z.detached()))
    }

    /// [time, batch] and [batch, time] with as many steps as examples: 26 and 29.
    @Test(arguments: [0, 1]) func derivativesDecide(batchAxis: Int) throws {
        let expected = batchAxis == 1 ? 26.0 : 29
        let scale = NamedParameter("scale", Tensor([1.0]).requiringGradient())
        let probe = try CurvatureProbe([scale]) {
            Self.loss(scaleAndShift(Self.inputs, scale: scale.tensor).sum(1 - batchAxis))
        }
        expectClose(try probe[0].denseMatrix(), Tensor([expected], shape: [1, 1]), relative: 1e-12)

        let weight = NamedParameter("w", Tensor([1.0], shape: [1, 1]).requiringGradient())
        for approximation in [Approximation.kronecker(sharing: .reduce), .diagonal] {
            let probe = try CurvatureProbe([weight], choices: LayerChoices(names: ["w": approximation])) {
                Self.loss(linear(Self.inputs, weight: weight.tensor).sum(1 - batchAxis))
            }
            expectClose(try probe[0].denseMatrix(), Tensor([expected], shape: [1, 1]), relative: 1e-12)
        }
    }

    /// A model that mixes the examples: the user's word counts, and without it nothing is guessed.
    @Test func theUserStatesTheAxis() throws {
        let scale = NamedParameter("norm.scale", Tensor([1.0]).requiringGradient())
        func mixed() -> Loss {
            let z = scaleAndShift(Self.inputs, scale: scale.tensor).sum(0)
            return Self.loss(z + z.mean() * 0.5)
        }
        let stated = LayerChoices(names: ["norm": .full], batchAxes: ["norm": 1])
        let probe = try CurvatureProbe([scale], choices: stated, mixed)
        // The gradients of the examples 0 and 1 with the mean's share: (1.25 · 4 + 0.25 · 6)² and so on, of two
        // outputs.
        #expect(try probe[0].denseMatrix().scalar > 0)
        #expect((probe[0] as? FactorBlock)?.factor is ScaleAndShiftFullFactor)

        let chosen = KFACOptimizer(
            [scale], configuration: .init(layers: LayerChoices(names: ["norm": .full])))
        let error = #expect(throws: CurvatureError.self) { try chosen.step(mixed) }
        #expect(error?.description.contains("LayerChoices.batchAxes") == true)
        let message = try KFACOptimizer([scale]).step(mixed).messages.first
        #expect(message?.contains("state it in LayerChoices.batchAxes") == true)
        let wrong = LayerChoices(names: ["norm": .full], batchAxes: ["norm": 2])
        #expect(throws: CurvatureError.self) {
            try KFACOptimizer([scale], configuration: .init(layers: wrong)).step(mixed)
        }
    }

    /// A bare parameter with equal examples has the curvature of one of them.
    @Test(arguments: [Estimation.exact, .empirical], [1, 3, 16])
    func genericBlocksTakeExamplesApart(_ estimation: Estimation, examples: Int) throws {
        for isFull in [false, true] {
            let parameters = NamedParameter("theta", Tensor([0.0]).requiringGradient())
            let choices = LayerChoices(kinds: [.other: isFull ? .genericFull : .genericDiagonal])
            let probe = try CurvatureProbe([parameters], estimation: estimation, choices: choices) {
                let mean = parameters.tensor.broadcast(to: [examples]).expanded(at: 1)
                return Loss(Normal(mean: mean), targets: Tensor.ones([examples, 1], dtype: .float64))
            }
            expectClose(try probe[0].denseMatrix(), Tensor([1.0], shape: [1, 1]), relative: 1e-12)
        }
    }

    /// Of different examples, against the dense matrix.
    @Test(arguments: [Estimation.exact, .empirical]) func genericBlocksAreExact(_ estimation: Estimation) throws {
        let gain = NamedParameter("gain", parameter([3], seed: 1))
        let probe = try CurvatureProbe(
            [gain], estimation: estimation, choices: LayerChoices(kinds: [.other: .genericFull])
        ) {
            Loss(
                Categorical(logits: randomTensor([7, 3], seed: 2) * gain.tensor),
                targets: Tensor([0, 1, 2, 2, 1, 0, 1]))
        }
        let expected =
            estimation == .exact
            ? DenseFisher.block(of: probe.loss, [gain.tensor], vector: { $0[0] })
            : {
                let rows = (0..<7).map {
                    gradients(of: probe.loss.perExample[$0], withRespectTo: [gain.tensor], keepingGraph: true)[0]
                }
                return secondMoment(Tensor.stack(rows)) / 7
            }()
        expectClose(try probe[0].denseMatrix(), expected, relative: 1e-10, absolute: 1e-13)
    }

    /// More examples than groups: unbiased.
    @Test func manyExamplesAreUnbiased() throws {
        let theta = NamedParameter("theta", Tensor([0.0]).requiringGradient())
        var sum = 0.0
        for seed in 0..<200 {
            let probe = try CurvatureProbe([theta], estimation: .empirical, seed: UInt64(seed)) {
                Loss(
                    Normal(mean: theta.tensor.broadcast(to: [64]).expanded(at: 1)),
                    targets: Tensor.ones([64, 1], dtype: .float64))
            }
            sum += try probe[0].denseMatrix().scalar
        }
        // Σ over 16 groups of (a sum of 4 signs)² / 64 has mean 1 and variance 24/16/16.
        #expect(abs(sum / 200 - 1) < 5 * (1.5 / 16 / 200).squareRoot())
    }

    /// A table of positions that all examples share: single examples' curvature in expectation, not that of their sum.
    @Test(arguments: [Estimation.exact, .empirical]) func sharedLayersAreUnbiased(_ estimation: Estimation) throws {
        let table = NamedParameter("table", Tensor.zeros([1, 1], dtype: .float64).requiringGradient())
        var sum = 0.0
        for seed in 0..<400 {
            let probe = try CurvatureProbe([table], estimation: estimation, seed: UInt64(seed)) {
                let position = embedding(Tensor([0]), weight: table.tensor)
                let mean = position.broadcast(to: [4, 1])
                return Loss(Normal(mean: mean), targets: Tensor.ones([4, 1], dtype: .float64))
            }
            sum += try probe[0].denseMatrix().scalar
        }
        // (Σ of 4 signs)² / 4 has mean 1 and variance 1.5.
        #expect(abs(sum / 400 - 1) < 5 * (1.5 / 400).squareRoot())
    }

    /// A first batch of one example leaves the axis open.
    @Test func oneExampleLeavesTheAxisOpen() throws {
        let scale = NamedParameter("scale", Tensor([1.0]).requiringGradient())
        let optimizer = KFACOptimizer(
            [scale],
            configuration: .init(estimation: .exact, statisticsDecay: 0, layers: LayerChoices(names: ["scale": .full])))
        for (time, batch) in [(1, 1), (4, 1), (2, 2), (3, 2)] {
            let x = Tensor.range(1..<(time * batch + 1)).to(.float64).reshaped([time, batch, 1])
            try optimizer.step { Self.loss(scaleAndShift(x, scale: scale.tensor).sum(0)) }
            let sums = x.sum(0).squared().mean().scalar
            expectClose(
                try optimizer.curvature.blocks[0].denseMatrix(), Tensor([sums], shape: [1, 1]), relative: 1e-12)
        }
    }
}
