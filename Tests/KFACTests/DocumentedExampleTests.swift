import FirstOrder
import Foundation
import KFAC
import TestSupport
import Testing
import Torch
import TorchNN

/// The examples in the README and in articles compile, run and learn, because they are the code of this file.
@Suite struct DocumentedExampleTests {
    /// The example's lines between the marks below, with what it leaves to the reader around them.
    private func example(_ batches: [(Tensor, Tensor)]) throws -> [Double] {
        var losses: [Double] = []
        func print(_ step: Int, _ loss: Double) { losses.append(loss) }

        // EXAMPLE
        var generator = RandomGenerator(seed: 1)
        let model = MultilayerPerceptron([784, 100, 10], using: &generator)
        let optimizer = KFACOptimizer(
            model.namedParameters,
            configuration: .smallBatches(learningRate: .linear(from: 0.007, to: 0, steps: batches.count)))

        for (images, labels) in batches {
            let report = try optimizer.step { Loss(Categorical(logits: model(images)), targets: labels) }
            print(report.step, report.loss)
        }
        // EXAMPLE

        return losses
    }

    @Test func learns() throws {
        let images = randomTensor([64, 784], in: 0..<1, dtype: .float32)
        let labels = (randomTensor([64], seed: 2, in: 0..<10)).to(.int64)
        let losses = try example(Array(repeating: (images, labels), count: 30))
        #expect(losses.count == 30)
        #expect(losses[29] < losses[0] / 4)
    }

    /// The second example, of what can be chosen.
    private func choices() -> KFACOptimizer.Configuration {
        // EXAMPLE
        var configuration = KFACOptimizer.Configuration(
            rule: .fixed(learningRate: .linear(from: 0.1, to: 0, steps: 1000)), damping: 0.1,
            inverses: .together(every: 20))
        configuration.layers.kinds[.convolution] = .kronecker(sharing: .reduce)
        // EXAMPLE
        return configuration
    }

    /// The recipe for small batches.
    private func moments() -> KFACOptimizer.Configuration {
        // EXAMPLE
        let configuration = KFACOptimizer.Configuration.smallBatches(
            learningRate: .linear(from: 0.007, to: 0, steps: 1000), statisticsFraction: 0.125)
        // EXAMPLE
        return configuration
    }

    @Test(arguments: [false, true]) func choicesTrainALayer(hasMoments: Bool) throws {
        var generator = RandomGenerator(seed: 1)
        let model = ConvNet(channels: [1, 3, 4], imageSize: 8, classes: 2, using: &generator)
        let optimizer = KFACOptimizer(model.namedParameters, configuration: hasMoments ? moments() : choices())
        let images = randomTensor([16, 1, 8, 8], dtype: .float32)
        let labels = (images.flattened(from: 1).sum(1) .> 0).to(.int64)
        let reports = try (0..<30).map { _ in
            try optimizer.step { Loss(Categorical(logits: model(images)), targets: labels) }
        }
        #expect(reports[29].loss < reports[0].loss)
    }

    @Test func aStateIsSavedAndRestored() throws {
        // EXAMPLE
        func save(_ model: some Module, _ optimizer: some Optimizer) -> [Safetensors] {
            [Safetensors(tensors: model.state()), Safetensors(tensors: optimizer.state().tensors)]
        }

        func restore(_ model: some Module, _ optimizer: some Optimizer, from files: [Safetensors]) throws {
            try model.load(state: files[0].tensors)
            try optimizer.load(Snapshot(tensors: files[1].tensors))
        }
        // EXAMPLE

        func make() -> (MultilayerPerceptron, KFACOptimizer) {
            var generator = RandomGenerator(seed: 1)
            let model = MultilayerPerceptron([6, 5, 3], using: &generator)
            return (model, KFACOptimizer(model.namedParameters))
        }
        func step(_ model: MultilayerPerceptron, _ optimizer: KFACOptimizer) throws {
            let x = randomTensor([8, 6], dtype: .float32)
            try optimizer.step { Loss(Categorical(logits: model(x)), targets: Tensor([0, 1, 2, 0, 1, 2, 0, 1])) }
        }
        let (model, optimizer) = make()
        try step(model, optimizer)
        let files = save(model, optimizer)
        try step(model, optimizer)
        let (other, otherOptimizer) = make()
        try restore(other, otherOptimizer, from: files)
        try step(other, otherOptimizer)
        for (parameter, twin) in zip(model.parameters, other.parameters) {
            #expect(parameter.array(of: Float.self) == twin.array(of: Float.self))
        }
    }

    /// The examples of objectives that are not the mean of −log p.
    @Test func otherObjectives() throws {
        // EXAMPLE
        func tokenLoss(_ logits: Tensor, next: Tensor) -> Loss {
            Loss(Categorical(logits: logits), targets: next, ignoring: -100, reduction: .meanOverPositions)
        }

        func imbalancedLoss(_ logits: Tensor, _ labels: Tensor, classWeights: Tensor) -> Loss {
            Loss(Categorical(logits: logits), targets: labels, classWeights: classWeights)
        }

        func policyLoss(_ logits: Tensor, actions: Tensor, advantages: Tensor) -> Loss {
            let policy = Categorical(logits: logits)
            let surprise = policy.negativeLogLikelihood(of: actions)
            let entropy = -(logits.softmax() * logits.logSoftmax()).sum(-1)
            return Loss(objective: advantages * surprise, curvature: policy).adding(objective: -0.01 * entropy)
        }
        // EXAMPLE

        let logits = Tensor.zeros([2, 4], dtype: .float64)
        let four = 4.0
        let uniform = Foundation.log(four)
        #expect(
            abs(tokenLoss(logits.reshaped([1, 2, 4]), next: Tensor([3, -100], shape: [1, 2])).mean.scalar - uniform)
                < 1e-12)
        let imbalanced = imbalancedLoss(logits, Tensor([0, 2]), classWeights: Tensor([1.0, 1, 3, 1]))
        #expect(abs(imbalanced.mean.scalar - 2 * uniform) < 1e-12)
        let policy = policyLoss(logits, actions: Tensor([0, 1]), advantages: Tensor([1.0, -0.5]))
        #expect(abs(policy.mean.scalar - (0.25 - 0.01) * uniform) < 1e-12)
    }

    /// K-FAC inside of another method.
    @Test func aPreconditionerTrains() throws {
        var generator = RandomGenerator(seed: 1)
        let model = MultilayerPerceptron([6, 5, 3], using: &generator)
        let x = randomTensor([32, 6], dtype: .float32)
        let batches = Array(repeating: (x, x[.all, 0..<3].argmax()), count: 40)
        var losses: [Double] = []
        // EXAMPLE
        let curvature = KFACPreconditioner(model.namedParameters)
        let adam = Adam(curvature.parameters, configuration: .init(learningRate: 0.01))

        for (inputs, labels) in batches {
            let update = try curvature.update { Loss(Categorical(logits: model(inputs)), targets: labels) }
            guard let gradients = update.gradients else { continue }
            let report = try adam.step(gradients: curvature.precondition(gradients), loss: update.report.loss)
            losses.append(report.loss)
        }
        // EXAMPLE
        #expect(losses[39] < losses[0] * 0.7)
    }

    /// The curvature by itself, as in the README.
    @Test func aCurvatureGivesDirectionsAndADeterminant() throws {
        var generator = RandomGenerator(seed: 1)
        let model = MultilayerPerceptron([6, 5, 3], using: &generator)
        let x = randomTensor([32, 6], dtype: .float32)
        let batches = [(x, x[.all, 0..<3].argmax())]
        let gradients = model.parameters.map { Tensor.ones(like: $0.detached()) }
        // EXAMPLE
        let curvature = ModelCurvature(of: model.namedParameters)
        for (images, labels) in batches {
            try curvature.update { Loss(Categorical(logits: model(images)), targets: labels) }
        }
        let inverse = try curvature.inverse(damping: 0.01)
        let directions = inverse.apply(to: gradients)
        let logDeterminant = try curvature.matrix(damping: 0.01).logDeterminant()
        // EXAMPLE
        #expect(directions.map(\.shape) == gradients.map(\.shape))
        #expect(abs(logDeterminant + (try inverse.logDeterminant())) < 1e-2)
    }

    /// Where the examples stand.
    private static let documents = [
        "README.md", "Sources/KFAC/Documentation.docc/ChoosingRules.md",
        "Sources/Curvature/Documentation.docc/Objectives.md",
        "Sources/Training/Documentation.docc/TrainingYourModel.md",
    ]

    @Test func areTheOnesInTheDocuments() throws {
        func lines(_ text: some StringProtocol) -> [String] {
            text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
                .filter { !$0.isEmpty && !$0.hasPrefix("import ") }
        }
        let file = URL(filePath: #filePath)
        let repository = file.deletingLastPathComponent().appending(path: "../..")
        func blocks(_ document: String) throws -> [[String]] {
            try String(contentsOf: repository.appending(path: document), encoding: .utf8)
                .components(separatedBy: "```swift\n").dropFirst().map { lines($0.components(separatedBy: "```")[0]) }
        }
        let parts = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "        // EXAMPLE\n")
        let examples = stride(from: 1, to: parts.count, by: 2).map { lines(parts[$0]) }
        try #require(examples.count == 7 && parts.count == 15)
        let documented = try Self.documents.flatMap(blocks)
        for example in examples { #expect(documented.contains(example), "\(example[0])") }
        // All of the README is tried: the block that names the package by the examples' manifest.
        for block in try blocks("README.md") where !block[0].hasPrefix("dependencies:") {
            #expect(examples.contains(block), "\(block[0])")
        }
    }
}
