import Foundation
import Testing
import Torch
import TorchNN

@Suite struct ModuleStateTests {
    private static func model(seed: UInt64, dtype: DType = .float32) -> Sequential {
        var generator = RandomGenerator(seed: seed)
        return Sequential(
            Linear(3, 4, dtype: dtype, using: &generator), BatchNormalization(4, dtype: dtype),
            Dropout(0.5, using: &generator))
    }

    private static let input = Tensor([1.0, 2, 3, -1, 0.5, 0, 2, 2, -3].map(Float.init), shape: [3, 3])

    @Test func stateHoldsParametersBuffersAndGenerators() {
        let state = Self.model(seed: 1).state()
        #expect(
            state.keys.sorted() == [
                "0.bias", "0.weight", "1.bias", "1.runningMean", "1.runningVariance", "1.weight", "2.generator",
            ])
        #expect(state.values.filter(\.requiresGradient).isEmpty)
    }

    @Test func runsGoOnFromALoadedState() throws {
        let first = Self.model(seed: 1)
        _ = first(Self.input)
        let second = Self.model(seed: 2)
        #expect(!second.hasSameState(as: first))
        let ids = second.parameters.map(\.id)

        // By way of a file's contents.
        let contents = Safetensors(tensors: first.state()).encoded()
        try second.load(state: Safetensors(data: contents).tensors)
        #expect(second.hasSameState(as: first))
        #expect(second.parameters.map(\.id) == ids)
        #expect(second.trainableParameters.map(\.id) == ids)
        // The next pass drops the same elements, in each of two steps.
        expectClose(second(Self.input), first(Self.input), tolerance: 0)
        expectClose(second(Self.input), first(Self.input), tolerance: 0)
    }

    @Test func stateIsACopy() throws {
        let model = Self.model(seed: 1)
        let before = model.state()
        let weight = before["0.weight"]!.array(of: Float.self)
        withoutGradients {
            for parameter in model.parameters { parameter.fill(7) }
        }
        _ = model(Self.input)
        #expect(before["0.weight"]!.array(of: Float.self) == weight)
        try model.load(state: before)
        #expect(model.parameters[0].array(of: Float.self) == weight)
    }

    /// Two layers change places, by the model's own tensors and by views of them: all are read before any is written.
    @Test(arguments: [false, true]) func stateOfItsOwnTensors(areViews: Bool) throws {
        var generator = RandomGenerator(seed: 1)
        let model = Sequential(Linear(3, 3, using: &generator), Linear(3, 3, using: &generator))
        let before = model.state()
        let own = Dictionary(uniqueKeysWithValues: model.namedParameters.map { ($0.name, $0.tensor) })
        let pairs = [("0.weight", "1.weight"), ("1.weight", "0.weight"), ("0.bias", "1.bias"), ("1.bias", "0.bias")]
        func picked(_ state: [String: Tensor]) -> [String: Tensor] {
            Dictionary(
                uniqueKeysWithValues: pairs.map { target, source in
                    let tensor = state[source]!.detached()
                    return (target, areViews && tensor.rank == 2 ? tensor.transposed() : tensor)
                })
        }
        try model.load(state: picked(own))
        let expected = picked(before)
        for (name, tensor) in model.namedParameters.map({ ($0.name, $0.tensor) }) {
            expectClose(tensor, expected[name]!, tolerance: 0)
        }
    }

    @Test func elementsAreConverted() throws {
        let single = Self.model(seed: 1)
        let double = Self.model(seed: 2, dtype: .float64)
        try double.load(state: single.state())
        #expect(double.parameters.allSatisfy { $0.dtype == .float64 })
        expectClose(double.parameters[0], single.parameters[0], tolerance: 0)
    }

    /// They would become infinite; those that are infinite already are what was saved.
    @Test(arguments: [1e39, -1e300]) func elementsThatBecomeInfiniteAreRefused(value: Double) throws {
        let model = Self.model(seed: 1)
        let double = Self.model(seed: 2, dtype: .float64)
        var state = double.state()
        state["0.bias"] = Tensor.full(state["0.bias"]!.shape, .infinity, dtype: .float64)
        try Self.model(seed: 1).load(state: state)
        state["0.weight"]![0, 0] = Tensor(value)
        let error = #expect(throws: ModuleStateError.self) { try model.load(state: state) }
        #expect(error?.overflowing == ["0.weight"])
        #expect(
            error?.description
                == "the state does not fit the model Sequential: elements too large for the model's type are in '0.weight'; "
                + "use a model in float64")
        #expect(model.hasSameState(as: Self.model(seed: 1)))
        try double.load(state: state)
    }

    /// Its root would be taken.
    @Test func negativeVariancesAreRefused() throws {
        let model = Sequential(BatchNormalization(3))
        let before = model.state()
        var state = before
        let name = try #require(state.keys.first { $0.hasSuffix("runningVariance") })
        state[name] = Tensor([1, -0.5, 1] as [Float])
        let error = #expect(throws: ModuleStateError.self) { try model.load(state: state) }
        #expect(
            error?.description
                == "the state does not fit the model Sequential: negative variances are in '\(name)'; get the file that it "
                + "is from anew")
        #expect(throws: ModuleStateError.self) { try model.load(pyTorchWeights: state) }
        for (name, tensor) in model.state() { expectClose(tensor, before[name]!, tolerance: 0) }
    }

    @Test func generatorsMayBeAbsent() throws {
        let model = Self.model(seed: 1)
        let before = model.state()["2.generator"]!
        var state = Self.model(seed: 2).state()
        state["2.generator"] = nil
        try model.load(state: state)
        expectClose(model.state()["2.generator"]!, before, tolerance: 0)
        expectClose(model.state()["0.weight"]!, state["0.weight"]!, tolerance: 0)
    }

    @Test func misfitsAreReportedAndNothingIsWritten() throws {
        let model = Self.model(seed: 1)
        let reference = Self.model(seed: 1)
        var state = Self.model(seed: 2).state()
        state["0.bias"] = nil
        state["extra"] = Tensor.zeros([1])
        state["0.weight"] = Tensor.zeros([4, 5])
        state["1.weight"] = Tensor.zeros([4], dtype: .int64)
        state["2.generator"] = Tensor.zeros([3], dtype: .uint8)

        let error = #expect(throws: ModuleStateError.self) { try model.load(state: state) }
        #expect(error?.missing == ["0.bias"])
        #expect(error?.unexpected == ["extra"])
        #expect(error?.mismatched.map(\.name) == ["0.weight", "1.weight", "2.generator"])
        #expect(error?.mismatched.first?.expected == "float32[4, 3]")
        #expect(error?.mismatched.first?.found == "float32[4, 5]")
        #expect(model.hasSameState(as: reference))

        let message = try #require(error?.description)
        #expect(
            message.hasPrefix(
                "the state does not fit the model Sequential: it lacks '0.bias'; the model has no 'extra'; "
                    + "of another shape or type is '0.weight' (expected float32[4, 3], found float32[4, 5]), "))
    }

    @Test func damagedGeneratorsAreReportedAndNothingIsWritten() throws {
        let model = Self.model(seed: 1)
        var state = Self.model(seed: 2).state()
        var bytes = state["2.generator"]!.array(of: UInt8.self)
        bytes[16] = 99
        state["2.generator"] = Tensor(bytes)
        let error = #expect(throws: ModuleStateError.self) { try model.load(state: state) }
        #expect(error?.damaged == ["2.generator"])
        #expect(
            error?.description
                == "the state does not fit the model Sequential: no state of a random generator is '2.generator'; get the "
                + "file that it is from anew")
        #expect(model.hasSameState(as: Self.model(seed: 1)))
    }

    @Test func longListsAreCutShort() {
        var generator = RandomGenerator(seed: 1)
        let model = MultilayerPerceptron([2, 2, 2, 2], using: &generator)
        let error = #expect(throws: ModuleStateError.self) { try model.load(state: [:]) }
        #expect(error?.missing.count == 6)
        #expect(error?.description.contains("'layers.0.weight', 'layers.0.bias', 'layers.1.weight' and 3 more") == true)
    }
}
