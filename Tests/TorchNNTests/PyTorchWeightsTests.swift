import Foundation
import TestSupport
import Testing
import Torch

@testable import TorchNN

/// Weights that PyTorch wrote give what PyTorch's modules give, and go back under the same names.
@Suite struct PyTorchWeightsTests {
    enum Model: String, CaseIterable {
        case resnet, convnet, lenet5, autoencoder

        func make() -> any Module {
            var generator = RandomGenerator(seed: 5)
            switch self {
            case .resnet:
                return ResNet(
                    stages: [(4, 1), (6, 2)], channels: 2, classes: 3, shortcut: .projection, using: &generator)
            case .convnet: return ConvNet(channels: [1, 4, 6], imageSize: 8, classes: 3, using: &generator)
            case .lenet5: return LeNet5(using: &generator)
            case .autoencoder: return Autoencoder([12, 8, 3], using: &generator)
            }
        }

        func golden(_ suffix: String = "") throws -> [String: Tensor] {
            let file = Bundle.module.url(
                forResource: "\(rawValue)\(suffix)", withExtension: "safetensors", subdirectory: "Golden")
            return try Safetensors(contentsOf: #require(file)).tensors
        }
    }

    /// By the name that the file has for them; finite ones that the model's type cannot hold are none, either.
    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300]) func weightsThatAreNotFiniteAreRefused(value: Double)
        throws
    {
        let model = Model.lenet5.make()
        let before = model.state()
        var weights = model.pyTorchWeights()
        let name = try #require(weights.keys.sorted().last)
        var elements = weights[name]!.array(of: Double.self)
        elements[elements.count - 1] = value
        weights[name] = Tensor(elements, shape: weights[name]!.shape)
        let error = #expect(throws: ModuleStateError.self) { try model.load(pyTorchWeights: weights) }
        #expect(error?.notFinite == [name])
        #expect(
            error?.description
                == "the state does not fit the model LeNet5: NaN or infinite elements are in '\(name)'; use "
                + "finite weights")
        for (name, tensor) in model.state() { #expect((tensor .== before[name]!).all()) }
    }

    @Test(arguments: Model.allCases) func outputsAreThoseOfPyTorch(name: Model) throws {
        let model = name.make()
        try model.load(pyTorchWeights: name.golden())
        let values = try name.golden("-values")
        let output = model.withMode(.evaluation) { withoutGradients { model(values["input"]!) } }
        expectClose(output, values["output"]!, tolerance: 1e-5)
    }

    @Test(arguments: Model.allCases) func weightsGoBackUnderTheSameNames(name: Model) throws {
        let model = name.make()
        let golden = try name.golden()
        try model.load(pyTorchWeights: golden)
        let weights = model.pyTorchWeights()
        #expect(weights.keys.sorted() == golden.keys.sorted())
        for (name, tensor) in weights where !name.hasSuffix("num_batches_tracked") {
            #expect(tensor.array(of: Float.self) == golden[name]!.array(of: Float.self), "\(name)")
        }
    }

    @Test func ownNamesAndAliasesAreUnderstood() throws {
        let (model, other) = (Model.resnet.make(), Model.resnet.make())
        try model.load(pyTorchWeights: model.state())
        var weights = try Model.resnet.golden()
        for name in ["weight", "bias"] { weights["linear.\(name)"] = weights.removeValue(forKey: "fc.\(name)") }
        try other.load(pyTorchWeights: weights)
        #expect(
            other.pyTorchWeights()["fc.bias"]!.array(of: Float.self) == weights["linear.bias"]!.array(of: Float.self))
    }

    /// Which of them counts would be a matter of chance.
    @Test func twoNamesForOneTensorAreRefused() throws {
        let model = Model.resnet.make()
        let before = model.state()
        var weights = try Model.resnet.golden()
        weights["linear.bias"] = weights["fc.bias"]! + 1
        weights["classifier.bias"] = weights["fc.bias"]! + 2
        weights["convolution.weight"] = weights["conv1.weight"]
        let error = #expect(throws: ModuleStateError.self) { try model.load(pyTorchWeights: weights) }
        #expect(
            error?.description
                == "the state does not fit the model ResNet: more than one entry is for 'classifier.bias' "
                + "('classifier.bias' and 'fc.bias' and 'linear.bias'), 'convolution.weight' ('conv1.weight' and "
                + "'convolution.weight'); leave one of them out")
        for (name, tensor) in model.state() { #expect((tensor .== before[name]!).all()) }
    }

    /// Sequence numbers of convolutions in a VGG, poolings counted: 0, 2, 5, 7, 10, 12.
    @Test func sequencesCountWhatHasNoParameters() {
        var generator = RandomGenerator(seed: 1)
        let vgg = VGGSmall(channels: 3, imageSize: 32, using: &generator)
        let names = vgg.pyTorchWeights().keys.filter { $0.hasSuffix("weight") }.sorted()
        #expect(
            names == (["classifier"] + [0, 2, 5, 7, 10, 12].map { "features.\($0)" }).map { "\($0).weight" }.sorted())
    }

    @Test func anotherModelsWeightsAreRefused() throws {
        let model = Model.convnet.make()
        let before = model.state()
        let error = #expect(throws: ModuleStateError.self) {
            try model.load(pyTorchWeights: Model.lenet5.golden())
        }
        #expect(error!.missing.contains("classifier.bias"))
        #expect(error!.unexpected.contains("fc1.weight"))
        #expect(
            before["classifier.bias"]!.array(of: Float.self) == model.state()["classifier.bias"]!.array(of: Float.self))
    }
}
