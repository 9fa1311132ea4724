import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Which blocks parameters get, by their uses and by the user's choices.
@Suite struct LayerCollectionTests {
    private static let x = randomTensor([4, 3], seed: 2)

    private static func loss(_ mean: Tensor) -> Loss {
        Loss(Normal(mean: mean), targets: Tensor.zeros(mean.shape, dtype: .float64))
    }

    private static func names(_ probe: CurvatureProbe) -> [[String]] {
        (0..<probe.count).map { probe[$0].parameters.map(\.name) }
    }

    @Test func sameTensorTwice() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let weight = parameter([2, 3], seed: 1)
            _ = KFACOptimizer([NamedParameter("a", weight), NamedParameter("b", weight)])
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("the parameters 'a' and 'b' are the same tensor"))
    }

    /// Parameters of unknown operations: the generic diagonal, and one message in the first step.
    @Test func uncoveredParameters() throws {
        let layer = TestLayer([2, 3], seed: 1)
        let (gain, shift) = (parameter([2], seed: 3), parameter([], seed: 4))
        let parameters = layer.named("layer") + [NamedParameter("gain", gain), NamedParameter("shift", shift)]
        func loss() -> Loss { Self.loss(layer(Self.x) * gain + shift) }
        let probe = try CurvatureProbe(parameters, estimation: .sampled(), loss)
        #expect(Self.names(probe) == [["layer.weight", "layer.bias"], ["gain"], ["shift"]])
        let factor = try #require(probe[1] as? FactorBlock).factor
        #expect(factor is NaiveDiagonalFactor)

        let optimizer = KFACOptimizer(parameters, configuration: .init(learningRate: 0.05))
        let first = try optimizer.step(loss)
        #expect(first.messages.count == 1)
        #expect(first.messages[0].contains("gain, shift, as no recorded operation uses them: they get the generic"))
        var last = first
        for _ in 0..<30 {
            last = try optimizer.step(loss)
            #expect(last.messages.isEmpty)
        }
        #expect(last.loss < first.loss)

        // Those that were chosen to be generic need no message.
        let choices = LayerChoices(kinds: [.other: .genericFull])
        let quiet = KFACOptimizer(parameters, configuration: .init(layers: choices))
        #expect(try quiet.step(loss).messages.isEmpty)
    }

    /// A weight of a linear layer that scales something, too: operations of different kinds.
    @Test func usesOfDifferentKinds() throws {
        let weight = NamedParameter("tied.weight", parameter([3, 3], seed: 1))
        let optimizer = KFACOptimizer([weight])
        func loss() -> Loss {
            let rows = convolution(Self.x.expanded(at: 2), weight: weight.tensor.expanded(at: 2)).squeezed(at: 2)
            return Self.loss(linear(rows.tanh(), weight: weight.tensor))
        }
        let probe = try CurvatureProbe([weight], loss)
        #expect((probe[0] as? FactorBlock)?.needsParameterGradients == true)
        #expect(try optimizer.step(loss).messages.first?.contains("tied.weight, as operations that are not") == true)
    }

    /// A bias of two weights is a block by itself, which is exact; so is that of a weight used with and without it.
    @Test(arguments: ["two weights", "with and without", "frozen weight", "two biases"])
    func biasesByThemselves(_ kind: String) throws {
        let (first, second) = (parameter([2, 3], seed: 1), parameter([2, 3], seed: 2))
        let (bias, other) = (parameter([2], seed: 3), parameter([2], seed: 4))
        var parameters = [NamedParameter("first.weight", first), NamedParameter("bias", bias)]
        switch kind {
        case "two weights": parameters.append(NamedParameter("second.weight", second))
        case "two biases": parameters.append(NamedParameter("other", other))
        case "frozen weight": parameters.removeFirst()
        default: break
        }
        let y = randomTensor([4, 3], seed: 5)
        let probe = try CurvatureProbe(parameters) {
            let hidden = linear(Self.x, weight: first, bias: bias)
            let rest =
                switch kind {
                case "two weights": linear(y, weight: second, bias: bias)
                case "two biases": linear(y, weight: first, bias: other)
                case "with and without": linear(y, weight: first)
                default: hidden
                }
            return Self.loss((hidden + rest).tanh())
        }
        #expect(Self.names(probe) == parameters.map { [$0.name] })
        for index in parameters.indices where parameters[index].tensor.rank == 1 {
            expectClose(
                try probe[index].denseMatrix(),
                DenseFisher.block(of: probe.loss, [parameters[index].tensor], vector: { $0[0] }), relative: 1e-10,
                absolute: 1e-13)
        }
    }

    /// The matrix of a bias of a vocabulary's size would not fit into memory.
    @Test func longBiasesAreDiagonal() throws {
        let bias = NamedParameter("bias", parameter([1025], seed: 3))
        let probe = try CurvatureProbe([bias], estimation: .sampled()) {
            Self.loss(linear(Self.x, weight: randomTensor([1025, 3], seed: 1), bias: bias.tensor))
        }
        #expect((probe[0] as? FactorBlock)?.factor is DiagonalKroneckerFactor)
    }

    @Test func choicesByNameAndKind() throws {
        let layers = (0..<4).map { TestLayer([3, 3], seed: 1 + UInt64($0)) }
        let parameters = layers.enumerated().flatMap { $0.element.named("net.\($0.offset)") }
        let choices = LayerChoices(
            kinds: [.linear: .diagonal],
            names: ["net.1": .kronecker(), "net.1.weight": .genericFull, "net.2": .genericDiagonal],
            linked: [LinkedParameters(["net.3.bias", "net.0.bias"])])
        let probe = try CurvatureProbe(parameters, choices: choices) {
            Self.loss(layers.reduce(Self.x) { $1($0).tanh() })
        }
        #expect(
            Self.names(probe) == [
                ["net.0.weight"], ["net.0.bias", "net.3.bias"], ["net.1.weight"], ["net.1.bias"],
                ["net.2.weight", "net.2.bias"], ["net.3.weight"],
            ])
        let factors = (0..<probe.count).map { (probe[$0] as? FactorBlock)?.factor }
        #expect(factors[0] is FullyConnectedDiagonalFactor)
        #expect(factors[1] is NaiveFullFactor)
        #expect(factors[2] is NaiveFullFactor)
        #expect(factors[3] is FullyConnectedKroneckerFactor)
        #expect(factors[4] is NaiveDiagonalFactor)
        #expect(factors[5] is FullyConnectedDiagonalFactor)
    }

    /// Excluded parameters are not updated, and the others are as if those were constants.
    @Test func excludedParameters() throws {
        func run(_ choices: LayerChoices, _ isListed: Bool) throws -> [[Double]] {
            let (first, second) = (TestLayer([3, 3], seed: 1), TestLayer([2, 3], seed: 2))
            let optimizer = KFACOptimizer(
                (isListed ? first.named("first") : []) + second.named("second"),
                configuration: .init(layers: choices))
            for _ in 0..<3 { try optimizer.step { Self.loss(second(first(Self.x).tanh())) } }
            return (first.parameters + second.parameters).map { $0.array(of: Double.self) }
        }
        let excluded = try run(LayerChoices(excluded: ["first"]), true)
        #expect(try excluded == run(LayerChoices(), false))
        let all = try run(LayerChoices(), true)
        #expect(excluded[0] == TestLayer([3, 3], seed: 1).weight.array(of: Double.self))
        #expect(all[0] != excluded[0])
    }

    @Test func errorsOfChoices() throws {
        func failure(_ choices: LayerChoices, _ words: String..., location: SourceLocation = #_sourceLocation) {
            let layer = TestLayer([2, 3], seed: 1)
            let optimizer = KFACOptimizer(layer.named("layer"), configuration: .init(layers: choices))
            let error = #expect(throws: CurvatureError.self, sourceLocation: location) {
                try optimizer.step { Self.loss(layer(Self.x)) }
            }
            for word in words { #expect(error?.description.contains(word) == true, sourceLocation: location) }
            #expect(optimizer.stepCount == 0)
        }
        failure(LayerChoices(names: ["lay": .diagonal]), "no parameter", "lay")
        failure(LayerChoices(excluded: ["nothing"]), "nothing")
        failure(LayerChoices(linked: [LinkedParameters(["absent"])]), "absent")
        failure(LayerChoices(names: ["layer": .unitwise]), "layer, of the kind linear", "unitwise")
        failure(LayerChoices(kinds: [.linear: .uncorrelatedPixels]), "uncorrelatedPixels")
        failure(
            LayerChoices(linked: [LinkedParameters(["layer"], approximation: .kronecker())]),
            "kronecker (input dense, output dense, expand)")
    }

    /// Layers whose positions hide the examples: refused where examples are needed, otherwise generic.
    @Test func examplesAreHidden() throws {
        let parameters = [
            NamedParameter("scale", parameter([3], seed: 1)), NamedParameter("shift", parameter([3], seed: 2)),
        ]
        func loss() -> Loss {
            let series = scaleAndShift(
                randomTensor([20, 3], seed: 3), scale: parameters[0].tensor, shift: parameters[1].tensor)
            return Self.loss(series.tanh().reshaped([5, 4, 3]).sum(0))
        }
        let optimizer = KFACOptimizer(parameters)
        #expect(try optimizer.step(loss).messages.first?.contains("for scale, shift, as the axis") == true)
        let chosen = KFACOptimizer(
            parameters, configuration: .init(layers: LayerChoices(kinds: [.scaleAndShift: .full])))
        let error = #expect(throws: CurvatureError.self) { try chosen.step(loss) }
        #expect(error?.description.contains("state the axis of the examples in LayerChoices.batchAxes") == true)
    }

    @Test func usesThatChange() throws {
        let layer = TestLayer([2, 3], seed: 1)
        let optimizer = KFACOptimizer(layer.named("layer"))
        try optimizer.step { Self.loss(layer(Self.x)) }
        // More uses of the same kind are nothing new.
        try optimizer.step { Self.loss(layer(Self.x).tanh() + layer(Self.x)) }
        let error = #expect(throws: CurvatureError.self) {
            try optimizer.step {
                Self.loss(linear(Self.x, weight: layer.weight) + linear(Self.x, weight: layer.weight, bias: layer.bias))
            }
        }
        #expect(error?.description.contains("layer.weight, layer.bias had another use") == true)
        #expect(optimizer.stepCount == 2)
    }

    /// A failed first step decides nothing.
    @Test func failedFirstStep() throws {
        let layer = TestLayer([2, 3], seed: 1)
        let optimizer = KFACOptimizer(layer.named("layer"))
        #expect(throws: CurvatureError.self) {
            try optimizer.step {
                let output = layer(Self.x)
                return Self.loss((Self.x * output.detached().sum()).requiringGradient())
            }
        }
        try optimizer.step { Self.loss(linear(Self.x, weight: layer.weight) + layer(Self.x)) }
        #expect(optimizer.stepCount == 1)
    }

    @Test func choicesSurviveJSON() throws {
        let choices = LayerChoices(
            kinds: [.linear: .kronecker(input: .diagonal, sharing: .reduce), .scaleAndShift: .full],
            names: ["a.b": .timeSeries(.longSeries), "c": .genericFull],
            linked: [LinkedParameters(["d", "e"], approximation: .genericDiagonal)], excluded: ["f"])
        let data = try JSONEncoder().encode(choices)
        #expect(try JSONDecoder().decode(LayerChoices.self, from: data) == choices)
    }
}
