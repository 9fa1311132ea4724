import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Blocks against the exact Fisher matrix by automatic differentiation, where they are exact, and where they are not.
@Suite struct BlockExactnessTests {
    /// The exact matrix on the block's own coordinates.
    static func exact(_ probe: CurvatureProbe) -> Tensor {
        let block = probe[0]
        return DenseFisher.block(
            of: probe.loss, block.parameters.map(\.tensor), vector: { block.vector(from: $0) })
    }

    static func expectExact(_ probe: CurvatureProbe, sourceLocation: SourceLocation = #_sourceLocation) throws {
        expectClose(
            try probe[0].denseMatrix(), exact(probe), relative: 1e-10, absolute: 1e-13, sourceLocation: sourceLocation)
    }

    static func relativeError(_ probe: CurvatureProbe) throws -> Double {
        let exact = exact(probe)
        return try ((probe[0].denseMatrix() - exact).norm() / exact.norm()).scalar
    }

    /// A Gaussian loss of the layer's own output: inputs and output gradients are independent.
    @Test(arguments: [
        BlockCase.linear, .linearWithoutBias, .severalUses, .convolution, .grouped, .depthwise, .embedding,
        .embeddingDiagonal,
    ]) func lossAtEachPosition(_ name: BlockCase) throws {
        try Self.expectExact(name.probe(estimation: .exact) { $0 })
    }

    /// From each example's gradient, whatever follows.
    @Test(arguments: [BlockCase.scaleAndShiftFull, .biasAlone]) func fullMatrices(_ name: BlockCase) throws {
        try Self.expectExact(name.probe(estimation: .exact) { $0.tanh().sum(1).squared() })
    }

    @Test(arguments: [
        BlockCase.linearDiagonal, .convolutionDiagonal, .groupedDiagonal, .transposedDiagonal, .scaleAndShiftDiagonal,
        .scaleOnly, .biasAloneDiagonal,
    ]) func diagonals(_ name: BlockCase) throws {
        let probe = try name.probe(estimation: .exact) { $0.tanh().sum(1).squared() }
        expectClose(
            try probe[0].denseMatrix(), Self.exact(probe).diagonal().diagonalMatrix(), relative: 1e-10,
            absolute: 1e-13)
    }

    @Test func unitwiseMatrices() throws {
        let probe = try BlockCase.scaleAndShiftUnitwise.probe(estimation: .exact) { $0.tanh().sum(1).squared() }
        let exact = Self.exact(probe)
        let mask = Tensor.concatenate(
            (0..<2).map { _ in
                Tensor.concatenate((0..<2).map { _ in Tensor.identity(4, dtype: .float64) }, axis: 1)
            })
        expectClose(try probe[0].denseMatrix(), exact * mask, relative: 1e-10, absolute: 1e-13)
    }

    /// The gradient of a transposed convolution is summed over the input's pixels; where their patches of the output
    /// neither meet nor are cut off, their gradients are independent.
    @Test(arguments: [1, 2]) func transposedConvolution(groups: Int) throws {
        let weight = NamedParameter("up.weight", parameter([4, 2, 2, 3], seed: 1))
        let bias = NamedParameter("up.bias", parameter([2 * groups], seed: 2))
        let geometry = ConvolutionGeometry(kernel: [2, 3], stride: [2, 3], groups: groups, isTransposed: true)
        let probe = try CurvatureProbe([weight, bias]) {
            let mean = convolution(
                randomTensor([4, 4, 3, 2], seed: 3), weight: weight.tensor, bias: bias.tensor, geometry: geometry)
            return Loss(Normal(mean: mean, variance: 0.3), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
        #expect(probe.count == 2)
        try Self.expectExact(probe)
        expectClose(
            try probe[1].denseMatrix(), DenseFisher.block(of: probe.loss, [bias.tensor], vector: { $0[0] }),
            relative: 1e-10, absolute: 1e-13)
    }

    /// One kernel with two geometries: each use has its own.
    @Test(arguments: [Approximation.kronecker(), .kronecker(sharing: .reduce), .diagonal], [false, true])
    func sharedKernels(approximation: Approximation, isTransposed: Bool) throws {
        let weight = NamedParameter("kernel.weight", parameter([2, 2, 2], seed: 1))
        let geometries = [(2, 0), (3, 0)].map { stride, padding in
            ConvolutionGeometry(kernel: [2], stride: [stride], padding: [padding], isTransposed: isTransposed)
        }
        let choices = LayerChoices(names: ["kernel": approximation])
        let isPooled = approximation == .kronecker(sharing: .reduce)
        let x = randomTensor([5, 2, 7], seed: 3)
        let probe = try CurvatureProbe([weight], choices: choices) {
            let outputs = geometries.map { convolution(x, weight: weight.tensor, geometry: $0) }
            let mean =
                isPooled
                ? outputs.map { $0.sum(2) }.reduce(Tensor.zeros([5, 2], dtype: .float64), +)
                : Tensor.concatenate(outputs.map { $0.flattened(from: 1) }, axis: 1)
            return Loss(Normal(mean: mean), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
        let exact = Self.exact(probe)
        expectClose(
            try probe[0].denseMatrix(), approximation == .diagonal ? exact.diagonal().diagonalMatrix() : exact,
            relative: 1e-10, absolute: 1e-13)
    }

    @Test func overlappingTransposedConvolutionIsApproximated() throws {
        #expect(try Self.relativeError(BlockCase.transposed.probe(estimation: .exact) { $0 }) > 0.01)
    }

    /// The mean over positions before the loss: *reduce* is exact, *expand* is not.
    @Test(arguments: [
        (BlockCase.linearReduce, BlockCase.linear), (.convolutionReduce, .convolution), (.groupedReduce, .grouped),
    ]) func pooling(reduce: BlockCase, expand: BlockCase) throws {
        func pooled(_ output: Tensor) -> Tensor {
            output.rank == 3 ? output.mean(1) : output.flattened(from: 2).mean(2)
        }
        try Self.expectExact(reduce.probe(estimation: .exact, pooled))
        if expand != .linear { #expect(try Self.relativeError(expand.probe(estimation: .exact, pooled)) > 0.05) }
        // And the other way round: a loss at each position.
        #expect(try Self.relativeError(reduce.probe(estimation: .exact) { $0 }) > 0.05)
    }

    @Test func transposedPooling() throws {
        let weight = NamedParameter("up.weight", parameter([2, 3, 3], seed: 1))
        let geometry = ConvolutionGeometry(kernel: [3], stride: [2], isTransposed: true)
        let choices = LayerChoices(kinds: [.transposedConvolution: .kronecker(sharing: .reduce)])
        let probe = try CurvatureProbe([weight], choices: choices) {
            let mean = convolution(randomTensor([5, 2, 4], seed: 3), weight: weight.tensor, geometry: geometry).sum(2)
            return Loss(Normal(mean: mean), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
        try Self.expectExact(probe)
    }

    /// A deep linear network: layers before the pooling need *reduce*, the one behind it does not mind.
    @Test(arguments: [Approximation.Sharing.expand, .reduce]) func deepLinearNetwork(
        sharing: Approximation.Sharing
    ) throws {
        let layers = [TestLayer([3, 2], seed: 1), TestLayer([4, 3], seed: 2), TestLayer([2, 4], seed: 3)]
        func probe(isPooled: Bool) throws -> CurvatureProbe {
            let parameters = layers.enumerated().flatMap { $0.element.named("layers.\($0.offset)") }
            let choices = LayerChoices(kinds: [.linear: .kronecker(sharing: sharing)])
            return try CurvatureProbe(parameters, choices: choices) {
                let hidden = layers[1](layers[0](randomTensor([5, 3, 2], seed: 4)))
                let mean = layers[2](isPooled ? hidden.mean(1) : hidden)
                return Loss(Normal(mean: mean), targets: Tensor.zeros(mean.shape, dtype: .float64))
            }
        }
        for isPooled in [true, false] {
            let probe = try probe(isPooled: isPooled)
            for (index, layer) in layers.enumerated() {
                let exact = DenseFisher.block(of: probe.loss, layer.parameters)
                let error = try ((probe[index].denseMatrix() - exact).norm() / exact.norm()).scalar
                if isPooled == (sharing == .reduce) || isPooled && index == 2 {
                    #expect(error < 1e-10)
                } else {
                    #expect(error > 0.02)
                }
            }
        }
    }

    /// An embedding is a linear layer of one-hot vectors, with the weight transposed.
    @Test func embeddingOfOneHotVectors() throws {
        let (classes, width) = (5, 3)
        let weight = parameter([classes, width], seed: 1)
        let transposed = weight.detached().transposed().copy().requiringGradient()
        let indices = Tensor([0, 3, 3, 1, 4, 0, 2, 2, 2, 0], shape: [5, 2])
        let output = TestLayer([2, width], seed: 2)
        func loss(_ rows: Tensor) -> Loss {
            Loss(Categorical(logits: output(rows.tanh().sum(1))), targets: Tensor([0, 1, 1, 0, 1]))
        }
        let rows = try CurvatureProbe([NamedParameter("rows.weight", weight)]) {
            loss(embedding(indices, weight: weight))
        }
        let dense = try CurvatureProbe([NamedParameter("dense.weight", transposed)]) {
            loss(linear(indices.oneHot(classes: classes).to(.float64), weight: transposed))
        }
        let order = Tensor((0..<classes * width).map { $0 % width * classes + $0 / width })
        for damping in [0, 0.1] {
            let expected = try dense[0].curvature(damping: damping).dense().gathered(order).gathered(order, axis: 1)
            expectClose(try rows[0].curvature(damping: damping).dense(), expected, relative: 1e-12, absolute: 1e-14)
        }
        // Both gradients, preconditioned: rows of classes that were not seen only by the damping.
        let x = randomTensor([classes, width], seed: 3)
        expectClose(
            try rows[0].preconditioned([x], damping: 0.1)[0],
            try dense[0].preconditioned([x.transposed()], damping: 0.1)[0].transposed(), relative: 1e-10,
            absolute: 1e-12)
    }

    /// The generic blocks are exact where each example is propagated by itself, and unbiased for sampled targets.
    @Test(arguments: [true, false]) func genericBlocks(isFull: Bool) throws {
        let name: BlockCase = isFull ? .genericFull : .genericDiagonal
        func kept(_ matrix: Tensor) -> Tensor { isFull ? matrix : matrix.diagonal().diagonalMatrix() }
        let empirical = try name.probe(estimation: .empirical)
        let rows = (0..<empirical.loss.batchSize).map { example in
            empirical[0].vector(
                from: gradients(
                    of: empirical.loss.perExample[example],
                    withRespectTo: empirical[0].parameters.map(\.tensor), keepingGraph: true)
            ).flattened()
        }
        let squares = secondMoment(Tensor.stack(rows)) / Double(rows.count)
        expectClose(try empirical[0].denseMatrix(), kept(squares), relative: 1e-10, absolute: 1e-13)
        let whole = try name.probe(estimation: .exact)
        expectClose(try whole[0].denseMatrix(), kept(Self.exact(whole)), relative: 1e-10, absolute: 1e-13)

        let sampled = try name.probe(estimation: .sampled(draws: 1500))
        let exact = kept(Self.exact(sampled))
        #expect(try ((sampled[0].denseMatrix() - exact).norm() / exact.norm()).scalar < 0.15)
    }

    /// Averages over batches of different lengths: c is averaged like the factors, by numbers of examples.
    @Test func locationsAreAveraged() throws {
        let layer = TestLayer([2, 3], hasBias: false, seed: 1)
        let named = layer.named("layer")
        let block = try #require(KroneckerBlock(weight: named[0], bias: nil, operation: .linear))
        for (batch, positions) in [(4, 3), (2, 6)] {
            let x = randomTensor([batch, positions, 3], seed: 2)
            let g = randomTensor([batch, positions, 2], seed: 3)
            let use = LayerUse(operation: .linear, weight: layer.weight, bias: nil, input: x, preActivation: g)
            block.updateStatistics(BlockStatistics(uses: [use], gradients: [[g]], batchSize: batch, decay: 1))
        }
        let expected = block.input.average.trace() * block.output.average.trace() * (4 * 3 + 2 * 6) / 6
        expectClose(Tensor(try block.curvature(damping: 0).trace()), Tensor(expected), relative: 1e-12)
    }
}
