import Curvature
import KFAC
import TestSupport
import Testing
import Torch

/// The curvature of a model by itself, as a user meets it.
@Suite struct ModelCurvatureTests {
    /// A network, batches, and the loss of each.
    struct Setting {
        let network = TestNetwork([4, 6, 3], seed: 40) { $0.tanh() }

        var parameters: [NamedParameter] { network.parameters }

        func loss(_ step: Int, _ examples: Range<Int> = 0..<16) -> Loss {
            let x = randomTensor([16, 4], seed: 50 + UInt64(step))
            let labels = x[.all, 0..<3].argmax()
            return Loss(Categorical(logits: network(x[examples])), targets: labels[examples])
        }

        /// One tensor for each parameter.
        func vector(seed: UInt64) -> [Tensor] {
            parameters.enumerated().map { randomTensor($1.tensor.shape, seed: seed + UInt64($0)) }
        }
    }

    /// A linear model of one layer with one loss: the Kronecker product is the exact Fisher matrix where inputs and
    /// output gradients are independent, as those of a normal distribution are.
    @Test func theMatrixOfALinearModelIsItsFisherMatrix() throws {
        let layer = TestLayer([2, 3], seed: 1)
        let x = randomTensor([8, 3], seed: 2)
        func loss() -> Loss { Loss(Normal(mean: layer(x)), targets: Tensor.zeros([8, 2], dtype: .float64)) }
        let curvature = ModelCurvature(
            of: layer.named("layer"), configuration: .init(estimation: .exact))
        try curvature.update(loss)
        let matrix = try curvature.matrix()
        let expected = DenseFisher.block(of: loss(), layer.named("layer").map(\.tensor))
        expectClose(matrix.parts[0].matrix.dense(), expected, relative: 1e-12)
        #expect(matrix.dimension == 8)
        expectClose(Tensor([matrix.trace()]), expected.trace().reshaped([1]), relative: 1e-12)
    }

    @Test func theInverseUndoesTheDampedMatrix() throws {
        let setting = Setting()
        let curvature = ModelCurvature(of: setting.parameters)
        for step in 0..<3 { try curvature.update { setting.loss(step) } }
        let vector = setting.vector(seed: 7)
        let (matrix, inverse) = (try curvature.matrix(damping: 0.1), try curvature.inverse(damping: 0.1))
        for (result, expected) in zip(inverse.apply(to: matrix.apply(to: vector)), vector) {
            expectClose(result, expected, relative: 1e-9, absolute: 1e-12)
        }
        let logarithm = try matrix.logDeterminant() + inverse.logDeterminant()
        #expect(abs(logarithm) < 1e-8)
        #expect(matrix.quadraticForm(vector) > 0)
        #expect(curvature.block(of: "layers.1.bias") === curvature.blocks[1])
        #expect(curvature.block(of: "nothing") == nil)
    }

    /// What the optimiser's preconditioner does is this, with its decay and its generator.
    @Test func itIsWhatTheOptimizerUses() throws {
        let setting = Setting()
        let preconditioner = KFACPreconditioner(
            setting.parameters, configuration: .init(damping: 0.3, inverses: .together(every: 1)))
        let curvature = ModelCurvature(of: setting.parameters, configuration: .init(statisticsDecay: 0.95))
        for step in 0..<4 {
            try preconditioner.update { setting.loss(step) }
            try curvature.update { setting.loss(step) }
        }
        let vector = setting.vector(seed: 3)
        let inverse = try curvature.inverse(damping: 0.3)
        for (own, other) in zip(inverse.apply(to: vector), preconditioner.precondition(vector)) {
            expectClose(own, other, relative: 1e-12)
        }
    }

    /// The curvature of a trained model is there without another pass over the data, and resumes with the optimiser.
    @Test func theOptimizerGivesItsCurvature() throws {
        let setting = Setting()
        let configuration = KFACOptimizer.Configuration(
            rule: .fixed(learningRate: 0), statisticsDecay: 0.9, inverses: .together(every: 1))
        let optimizer = KFACOptimizer(setting.parameters, configuration: configuration)
        let curvature = ModelCurvature(of: setting.parameters, configuration: .init(statisticsDecay: 0.9))
        var joined: [String] = []
        optimizer.curvature.synchronize = { joined += $0.map(\.name) }
        for step in 0..<3 {
            try optimizer.step { setting.loss(step) }
            try curvature.update { setting.loss(step) }
        }
        #expect(joined == Array(repeating: ["layers.0", "layers.1"], count: 3).flatMap(\.self))
        let resumed = KFACOptimizer(setting.parameters, configuration: configuration)
        try resumed.load(optimizer.state())
        let vector = setting.vector(seed: 5)
        let expected = try curvature.inverse(damping: 0.2).apply(to: vector)
        for optimizer in [optimizer, resumed] {
            #expect(optimizer.curvature.updateCount == 3)
            for (own, other) in zip(try optimizer.curvature.inverse(damping: 0.2).apply(to: vector), expected) {
                expectClose(own, other, relative: 1e-12)
            }
        }
        optimizer.configuration.estimation = .exact
        #expect(optimizer.curvature.configuration.estimation == .exact)
    }

    @Test func frozenModelsAreTold() throws {
        let setting = Setting()
        for parameter in setting.parameters { _ = parameter.tensor.requiringGradient(false) }
        let curvature = ModelCurvature(of: setting.parameters)
        let error = #expect(throws: CurvatureError.self) { try curvature.update { setting.loss(0) } }
        #expect(
            error?.description.hasPrefix(
                "none of layers.0.weight, layers.0.bias, layers.1.weight, layers.1.bias requires a gradient") == true)
    }

    /// What is chosen and has no effect is told by name.
    @Test func choicesWithoutEffectAreTold() throws {
        let setting = Setting()
        var configuration = KFACOptimizer.Configuration(rule: .quadraticModel(QuadraticModelRule(fraction: 0.5)))
        configuration.statisticsFraction = 0.25
        configuration.groups = [ParameterGroup(["layers.2"], learningRateScale: 0)]
        let optimizer = KFACOptimizer(setting.parameters, configuration: configuration)
        let error = #expect(throws: OptimizerError.self) { try optimizer.step { setting.loss(0) } }
        #expect(
            error?.description
                == "no parameter or module is named 'layers.2': use the name of a parameter, or of a module that "
                + "contains it")
        optimizer.configuration.groups[0].names = ["layers.1"]
        let messages = try optimizer.step { setting.loss(0) }.messages
        #expect(messages.count { $0.contains("has no effect in this step") } == 2, "\(messages)")
        #expect(messages.count == 2)
        #expect(try optimizer.step { setting.loss(1) }.messages == [])
    }

    /// So are a clipping that the rule does not apply, makers of blocks that there are not, and what is left out.
    @Test func unusedClippingsAndMakersAndExclusionsAreTold() throws {
        let setting = Setting()
        let optimizer = KFACOptimizer(
            setting.parameters,
            configuration: .init(
                rule: .quadraticModel(), clipping: .value(0.1), layers: LayerChoices(excluded: ["layers.1"])),
            blockMakers: ["gate": { _, _, _ in fatalError("there is no such operation") }])
        #expect(
            try optimizer.step { setting.loss(0) }.messages == [
                "the choices exclude layers.1.weight, layers.1.bias: they stay unchanged",
                "no layer of the first batch is an operation called gate: its block maker has no effect",
                "the clipping has no effect with the rule .quadraticModel, which finds the length of a step itself",
            ])
        #expect(try optimizer.step { setting.loss(1) }.messages == [])
    }

    @Test func dampingsOutOfBoundsAreMisuse() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let setting = Setting()
            let curvature = ModelCurvature(of: setting.parameters)
            try curvature.update { setting.loss(0) }
            _ = try curvature.inverse(damping: -0.1)
        }
        expectMessage(result, "ModelCurvature.inverse: the damping must be at least 0")
    }

    @Test func aPlanKnowsTheBlocksBeforeAnyStatistics() throws {
        let setting = Setting()
        let curvature = ModelCurvature(of: setting.parameters)
        #expect(curvature.blocks.isEmpty && curvature.memoryEstimate == nil)
        try curvature.plan { setting.loss(0) }
        #expect(curvature.blocks.map(\.name) == ["layers.0", "layers.1"])
        #expect(curvature.memoryEstimate?.factors.count == 4)
        let error = #expect(throws: CurvatureError.self) { try curvature.inverse(damping: 1) }
        #expect("\(error!)" == "the curvature has seen no batch: call update first")
        let blocks = curvature.blocks
        try curvature.update { setting.loss(0) }
        #expect(zip(blocks, curvature.blocks).allSatisfy { $0 === $1 })
    }

    @Test func aStateGoesOnToTheBit() throws {
        let setting = Setting()
        let curvature = ModelCurvature(of: setting.parameters, configuration: .init(statisticsDecay: 0.9))
        for step in 0..<3 { try curvature.update { setting.loss(step) } }
        let other = ModelCurvature(of: setting.parameters, configuration: .init(statisticsDecay: 0.9))
        try other.load(curvature.state())
        #expect(other.updateCount == 3 && other.blocks.count == 2)
        for step in 3..<5 {
            try curvature.update { setting.loss(step) }
            try other.update { setting.loss(step) }
        }
        let (own, restored) = (curvature.state().tensors, other.state().tensors)
        #expect(own.keys.sorted() == restored.keys.sorted())
        for (name, tensor) in own { #expect(areSame(tensor, restored[name]!), "\(name)") }
    }

    /// Two processes with half of each batch, whose averages are joined, have the curvature of the whole batch.
    @Test func averagesOfSeveralProcessesCanBeJoined() throws {
        let setting = Setting()
        func make() -> ModelCurvature {
            ModelCurvature(of: setting.parameters, configuration: .init(estimation: .exact, statisticsDecay: 0.8))
        }
        let (whole, first, second) = (make(), make(), make())
        func averages(_ blocks: [any CurvatureBlock]) -> [Tensor] {
            blocks.compactMap { $0 as? KroneckerBlock }
                .flatMap { [$0.input, $0.output] }.flatMap { $0.average.parts }
        }
        second.synchronize = { moved in
            withoutGradients {
                for (a, b) in zip(averages(first.blocks), averages(moved)) {
                    let mean = (a + b) / 2
                    a.assign(mean)
                    b.assign(mean)
                }
            }
        }
        for step in 0..<3 {
            try whole.update { setting.loss(step) }
            try first.update { setting.loss(step, 0..<8) }
            try second.update { setting.loss(step, 8..<16) }
        }
        let vector = setting.vector(seed: 9)
        let expected = try whole.inverse(damping: 0.1).apply(to: vector)
        for joined in [first, second] {
            for (own, other) in zip(try joined.inverse(damping: 0.1).apply(to: vector), expected) {
                expectClose(own, other, relative: 1e-10)
            }
        }
    }

    @Test func aBatchThatIsNotFiniteChangesNothing() throws {
        let setting = Setting()
        let curvature = ModelCurvature(of: setting.parameters)
        try curvature.update { setting.loss(0) }
        let before = curvature.state().tensors
        let error = #expect(throws: CurvatureError.self) {
            try curvature.update { setting.loss(1).adding(objective: Tensor.full([], .infinity, dtype: .float64)) }
        }
        #expect("\(error!)".contains("the loss of the batch is not finite"))
        for (name, tensor) in curvature.state().tensors { #expect(areSame(tensor, before[name]!), "\(name)") }
    }
}
