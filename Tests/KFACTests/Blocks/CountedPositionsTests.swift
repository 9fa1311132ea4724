import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// What the loss masks or ignores is not there: neither in A, nor in G, nor in the number of positions.
@Suite struct CountedPositionsTests {
    static let scalars: [(inputs: [[Double]], mask: [[Bool]], curvature: Double)] = [
        ([[1]], [[true]], 1),
        ([[1, 0]], [[true, false]], 1),
        ([[1, 0, 0, 0]], [[true, false, false, false]], 1),
        ([[1, 10]], [[true, false]], 1),
        ([[1], [1]], [[true], [false]], 0.5),
        ([[1, 7], [5, 5]], [[true, false], [false, false]], 0.5),
        ([[2, 7], [3, 1]], [[true, false], [true, true]], 7),
    ]

    /// z = w x with a squared error, at positions that are looked at and others that are masked.
    @Test(arguments: scalars)
    func maskedPositionsDoNotCount(inputs: [[Double]], mask: [[Bool]], curvature: Double) throws {
        let (batch, positions) = (inputs.count, inputs[0].count)
        let x = Tensor(inputs.flatMap { $0 }, shape: [batch, positions, 1])
        let kept = Tensor(mask.flatMap { $0.map { $0 ? 1.0 : 0 } }, shape: [batch, positions, 1]) .> 0
        for sharing in [Approximation.Sharing.expand, .reduce] where sharing == .expand || curvature != 7 {
            let weight = NamedParameter("w", Tensor([1.0], shape: [1, 1]).requiringGradient())
            let probe = try CurvatureProbe(
                [weight], choices: LayerChoices(kinds: [.linear: .kronecker(sharing: sharing)])
            ) {
                let z = linear(x, weight: weight.tensor)
                return Loss(Normal(mean: z), targets: Tensor.zeros(like: z.detached()), mask: kept)
            }
            expectClose(try probe[0].denseMatrix(), Tensor([curvature], shape: [1, 1]), relative: 1e-12)
        }
    }

    /// A loss that looks at one token by a slice instead of a mask.
    @Test func positionsThatNothingComesFromDoNotCount() throws {
        let x = randomTensor([4, 5, 3], seed: 1)
        let layer = TestLayer([2, 3], seed: 2)
        let probe = try CurvatureProbe(layer.named("layer")) {
            let first = layer(x)[.all, 0]
            return Loss(Normal(mean: first), targets: Tensor.zeros(like: first.detached()))
        }
        let alone = try CurvatureProbe(layer.named("layer")) {
            let first = layer(x[.all, 0].contiguous())
            return Loss(Normal(mean: first), targets: Tensor.zeros(like: first.detached()))
        }
        expectClose(try probe[0].denseMatrix(), try alone[0].denseMatrix(), relative: 1e-12)
        expectClose(
            try probe[0].denseMatrix(), DenseFisher.block(of: alone.loss, layer.parameters), relative: 1e-12)
    }

    /// Texts of 2 to 5 tokens: what they are padded to changes nothing.
    struct Texts {
        static let lengths = [2, 5, 3, 4, 1, 5]
        let table = parameter([7, 3], seed: 1)
        let hidden = TestLayer([4, 3], seed: 2)
        let output = TestLayer([5, 4], seed: 3)

        var parameters: [NamedParameter] {
            [NamedParameter("table.weight", table)] + hidden.named("hidden") + output.named("output")
        }

        /// Token ids and classes, padded to a width; 0 pads.
        func batch(_ texts: Range<Int>, width: Int) -> (ids: Tensor, classes: Tensor, mask: Tensor) {
            let rows = Array(texts)
            func padded(_ value: (Int, Int) -> Int, _ padding: Int) -> Tensor {
                Tensor(
                    rows.flatMap { text in
                        (0..<width).map { $0 < Self.lengths[text] ? value(text, $0) : padding }
                    }, shape: [rows.count, width])
            }
            let mask = padded({ _, _ in 1 }, 0) .> 0
            return (padded({ 1 + ($0 * 5 + $1 * 3) % 6 }, 0), padded({ ($0 + 2 * $1) % 5 }, -100), mask)
        }

        func loss(_ texts: Range<Int>, width: Int, reduction: Loss.Reduction = .meanOverExamples) -> Loss {
            let (ids, classes, _) = batch(texts, width: width)
            let logits = output(hidden(embedding(ids, weight: table, paddingIndex: 0)).tanh())
            return Loss(Categorical(logits: logits), targets: classes, ignoring: -100, reduction: reduction)
        }
    }

    @Test(arguments: [Approximation.kronecker(), .kronecker(sharing: .reduce), .timeSeries(.symmetricLag)])
    func paddingChangesNoBlock(_ approximation: Approximation) throws {
        let texts = Texts()
        let choices = LayerChoices(names: ["hidden": approximation, "output": approximation])
        let probes = try [5, 6, 19].map { width in
            try CurvatureProbe(texts.parameters, choices: choices) { texts.loss(0..<6, width: width) }
        }
        for probe in probes.dropFirst() {
            for index in 0..<probe.count {
                let shapes = probe[index].parameters.map(\.tensor.shape)
                let v = shapes.enumerated().map { randomTensor($1, seed: 20 + UInt64($0)) }
                for (a, b) in zip(
                    try probe[index].preconditioned(v, damping: 0.01),
                    try probes[0][index].preconditioned(v, damping: 0.01))
                {
                    expectClose(a, b, relative: 1e-10, absolute: 1e-13)
                }
            }
        }
    }

    @Test(arguments: [Loss.Reduction.meanOverExamples, .meanOverPositions])
    func paddingChangesNoStep(_ reduction: Loss.Reduction) throws {
        let runs = try [5, 19].map { width in
            let texts = Texts()
            let optimizer = KFACOptimizer(
                texts.parameters,
                configuration: .init(
                    rule: .fixed(learningRate: 0.3), damping: 0.01, estimation: .exact,
                    inverses: .together(every: 1), clipping: .none))
            for _ in 0..<4 { try optimizer.step { texts.loss(0..<6, width: width, reduction: reduction) } }
            return texts.parameters.map(\.tensor)
        }
        for (a, b) in zip(runs[0], runs[1]) { expectClose(a, b, relative: 1e-10, absolute: 1e-12) }
    }

    /// Parts of a batch whose texts are padded to other widths give the averages of the whole batch.
    @Test(arguments: [Loss.Reduction.meanOverExamples, .meanOverPositions])
    func partsAverageToTheWhole(_ reduction: Loss.Reduction) throws {
        let configuration = KFACOptimizer.Configuration(
            rule: .fixed(learningRate: 0.3), damping: 0.01, estimation: .exact, inverses: .together(every: 1),
            clipping: .none)
        let runs = try [false, true].map { inParts in
            let texts = Texts()
            let optimizer = KFACOptimizer(texts.parameters, configuration: configuration)
            for _ in 0..<3 {
                if inParts {
                    try optimizer.step(examples: 6, inPartsOf: 2) {
                        texts.loss($0, width: 5 + 2 * $0.lowerBound, reduction: reduction)
                    }
                } else {
                    try optimizer.step { texts.loss(0..<6, width: 5, reduction: reduction) }
                }
            }
            return texts.parameters.map(\.tensor)
        }
        for (a, b) in zip(runs[0], runs[1]) { expectClose(a, b, relative: 1e-9, absolute: 1e-12) }
    }

    /// The padding's row of a table gets no gradient and no curvature.
    @Test func thePaddingIndexIsNoClass() throws {
        let table = NamedParameter("table.weight", parameter([4, 2], seed: 1))
        let ids = Tensor([1, 0, 2, 0, 0, 3], shape: [2, 3])
        let probe = try CurvatureProbe([table]) {
            let rows = embedding(ids, weight: table.tensor, paddingIndex: 0)
            return Loss(Normal(mean: rows), targets: Tensor.zeros(like: rows.detached()))
        }
        let gradient = gradients(of: probe.loss.mean, withRespectTo: [table.tensor])[0]
        #expect(gradient[0].array() == [0.0, 0])
        #expect(gradient[1].abs().sum().scalar > 0)
        let frequencies = try #require((probe[0] as? KroneckerBlock)?.input as? DiagonalKroneckerFactor).diagonal
        expectClose(frequencies, Tensor([0.0, 1, 1, 1]) / 3, relative: 1e-12)
        // Each row that was picked has the curvature of one position in two examples.
        let diagonal = try probe[0].denseMatrix().diagonal()
        expectClose(diagonal, Tensor([0.0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]), relative: 1e-12)
    }

    /// Masked examples: the factors are those of a batch without them, and the number of locations is that of the mean.
    @Test(arguments: [
        BlockCase.convolution, .convolutionReduce, .convolutionUncorrelated, .grouped, .groupedReduce, .depthwise,
        .transposed, .transposedGrouped, .transposedReduce, .linear, .linearReduce, .embedding,
    ])
    func maskedExamplesDoNotCount(_ kind: BlockCase) throws {
        let parameters = kind.parameters()
        let (_, uses) = recordingLayerUses { kind.output(parameters) }
        let use = uses[0]
        let batch = use.positions[0]
        let kept = Tensor((0..<batch).map { $0 % 3 == 1 ? 0.0 : 1 }) .> 0
        let numbers = kept.nonzeroPositions()
        var axes = kept.to(.float64)
        while axes.rank < use.preActivation.rank { axes = axes.expanded(at: -1) }
        let gradient = randomTensor(use.preActivation.shape, seed: 30) * axes
        func block() throws -> KroneckerBlock {
            let probe = try kind.probe(estimation: .exact)
            let block = try #require(probe[0] as? KroneckerBlock)
            block.restartStatistics()
            return block
        }
        let (masked, without) = (try block(), try block())
        masked.updateStatistics(
            BlockStatistics(
                uses: [use], gradients: [[gradient]], batchSize: batch, countedExamples: kept, decay: 0))
        without.updateStatistics(
            BlockStatistics(
                uses: [use.gathered(numbers)], gradients: [[gradient.gathered(numbers)]], batchSize: numbers.count,
                decay: 0))
        expectClose(masked.input.average.dense(), without.input.average.dense(), relative: 1e-12, absolute: 1e-14)
        expectClose(masked.output.average.dense(), without.output.average.dense(), relative: 1e-12, absolute: 1e-14)
        let share = Double(numbers.count) / Double(batch)
        #expect(abs(masked.locationCount.value - share * without.locationCount.value) < 1e-12)
    }

    /// A convolution over a padded sequence, with the positions stated.
    @Test(arguments: [Approximation.Sharing.expand, .reduce], [1, 2])
    func statedPositionsOfConvolutions(_ sharing: Approximation.Sharing, groups: Int) throws {
        let layer = TestLayer([4, 2 / groups, 3], seed: 1)
        let choices = LayerChoices(kinds: [
            .convolution: .kronecker(sharing: sharing), .groupedConvolution: .kronecker(sharing: sharing),
        ])
        func probe(width: Int) throws -> CurvatureProbe {
            try CurvatureProbe(layer.named("layer"), choices: choices) {
                let x = randomTensor([1, 2, 5], seed: 2).padded([(0, width - 5)])
                let mask = (Tensor.range(0..<width) .< 5).expanded(at: 0)
                let z = countingPositions(mask) {
                    convolution(x, weight: layer.weight, bias: layer.bias, padding: [1], groups: groups)
                }
                let kept = z[.all, .all, ..<5].tanh()
                return Loss(Normal(mean: kept), targets: Tensor.zeros(like: kept.detached()))
            }
        }
        expectClose(
            try probe(width: 9)[0].denseMatrix(), try probe(width: 5)[0].denseMatrix(), relative: 1e-12,
            absolute: 1e-14)
    }

    /// As many steps as examples in [time, batch]: rows are left out where nothing comes from them, whichever axis they
    /// are on.
    @Test(arguments: [3, 4]) func maskedExamplesOfTimeMajorLayers(time: Int) throws {
        let x = randomTensor([time, 3, 2], seed: 1)
        let layer = TestLayer([2, 2], seed: 2)
        func probe(_ x: Tensor, mask: Tensor?) throws -> CurvatureProbe {
            try CurvatureProbe(layer.named("layer")) {
                let z = layer(x).transposed(0, 1)
                return Loss(Normal(mean: z), targets: Tensor.zeros(like: z.detached()), mask: mask)
            }
        }
        let masked = try probe(x, mask: Tensor([true, false, true]))
        let without = try probe(x.gathered(Tensor([0, 2]), axis: 1), mask: nil)
        expectClose(
            try masked[0].denseMatrix(), try without[0].denseMatrix() * (2.0 / 3), relative: 1e-12, absolute: 1e-14)
    }

    /// Frames of examples as images: [batch · time, channels, width].
    @Test func maskedExamplesOfFrames() throws {
        let x = randomTensor([3, 2, 2, 5], seed: 1)
        let layer = TestLayer([3, 2, 3], seed: 2)
        func probe(_ x: Tensor, mask: Tensor?) throws -> CurvatureProbe {
            try CurvatureProbe(layer.named("layer")) {
                let batch = x.shape[0]
                let frames = convolution(x.reshaped([batch * 2, 2, 5]), weight: layer.weight, bias: layer.bias)
                let z = frames.reshaped([batch, -1])
                return Loss(Normal(mean: z), targets: Tensor.zeros(like: z.detached()), mask: mask)
            }
        }
        let masked = try probe(x, mask: Tensor([true, false, true]))
        let without = try probe(x.gathered(Tensor([0, 2])), mask: nil)
        expectClose(
            try masked[0].denseMatrix(), try without[0].denseMatrix() * (2.0 / 3), relative: 1e-12, absolute: 1e-14)
    }

    /// A mean over positions: the curvature of the sum divided by their number, for every kind of block.
    @Test(arguments: [
        BlockCase.linear, .linearReduce, .linearDiagonal, .convolution, .convolutionDiagonal, .embedding,
        .scaleAndShiftFull, .scaleAndShiftDiagonal, .scaleAndShiftUnitwise, .biasAlone, .biasAloneDiagonal,
        .genericDiagonal, .genericFull, .transposed,
    ])
    func theMeanOverPositionsDividesByTheirNumber(_ kind: BlockCase) throws {
        let parameters = kind.parameters()
        func probe(_ reduction: Loss.Reduction) throws -> CurvatureProbe {
            try CurvatureProbe(parameters, estimation: .exact, choices: kind.choices) {
                let mean = kind.output(parameters).tanh()
                return Loss(
                    Normal(mean: mean), targets: Tensor.zeros(mean.shape, dtype: .float64), reduction: reduction)
            }
        }
        let (examples, positions) = (try probe(.meanOverExamples), try probe(.meanOverPositions))
        let share = examples.loss.normalizer / positions.loss.normalizer
        #expect(share < 1)
        expectClose(
            try positions[0].denseMatrix(), try examples[0].denseMatrix() * share, relative: 1e-10, absolute: 1e-14)
    }

    /// A batch of which nothing counts says nothing, and lets the others fade.
    @Test func aBatchWithoutAnything() throws {
        let texts = Texts()
        let optimizer = KFACOptimizer(texts.parameters, configuration: .init(estimation: .exact))
        try optimizer.step { texts.loss(0..<6, width: 5) }
        let before = optimizer.curvature.blocks.compactMap { ($0 as? KroneckerBlock)?.input.average.dense() }
        try optimizer.step {
            let logits = texts.loss(0..<6, width: 5).terms[0].distribution.parameters[0]
            return Loss(
                Categorical(logits: logits), targets: Tensor.zeros([6, 5], dtype: .int64),
                mask: Tensor.zeros([6, 5], dtype: .bool))
        }
        let after = optimizer.curvature.blocks.compactMap { ($0 as? KroneckerBlock)?.input.average.dense() }
        for (a, b) in zip(after, before) { expectClose(a, b, relative: 1e-15) }
        #expect(texts.parameters.allSatisfy { $0.tensor.isFinite().all() })
    }
}
