import Testing
import Torch
import TorchNN

private func parameter(_ shape: Int...) -> Tensor { Tensor.zeros(shape).requiringGradient() }

@Suite struct ModuleNameTests {
    private final class Leaf: Module {
        let weight: Tensor
        let bias: Tensor?

        init(bias: Bool = true) {
            weight = parameter(2, 3)
            self.bias = bias ? parameter(2) : nil
        }

        func callAsFunction(_ input: Tensor) -> Tensor { linear(input, weight: weight, bias: bias) }
    }

    private class Base: Module {
        let first = Leaf()
        let unrelated = [1, 2, 3]

        func callAsFunction(_ input: Tensor) -> Tensor { first(input) }
    }

    private final class Derived: Base {
        let second = Leaf(bias: false)
    }

    private struct Pair {
        let left = Leaf(bias: false)
        let right = parameter(4)
    }

    private final class Containers: Module {
        let array = [Leaf(), Leaf(bias: false)]
        let nested = [[Leaf(bias: false)], [Leaf(bias: false)]]
        let present: Leaf? = Leaf(bias: false)
        let absent: Leaf? = nil
        let existential: any Module = Leaf(bias: false)
        let tensors = [parameter(1), parameter(1)]
        let tuple = (Leaf(bias: false), named: parameter(1))
        let structure = Pair()
        let dictionary = ["b": parameter(1), "a": parameter(1)]
        @Buffer var average = Tensor.zeros([5])
        let plainBuffer: Buffer? = Buffer(wrappedValue: Tensor.zeros([6]))

        func callAsFunction(_ input: Tensor) -> Tensor { input }
    }

    @Test func namesFollowDeclarations() {
        #expect(Leaf().parameterNames == ["weight", "bias"])
        #expect(Leaf(bias: false).parameterNames == ["weight"])
    }

    @Test func superclassesComeFirst() {
        #expect(Derived().parameterNames == ["first.weight", "first.bias", "second.weight"])
    }

    @Test func containersAreSearched() {
        let module = Containers()
        #expect(
            module.parameterNames == [
                "array.0.weight", "array.0.bias", "array.1.weight", "nested.0.0.weight", "nested.1.0.weight",
                "present.weight", "existential.weight", "tensors.0", "tensors.1", "tuple.0.weight", "tuple.named",
                "structure.left.weight", "structure.right", "dictionary.a", "dictionary.b",
            ])
        #expect(module.namedBuffers.map(\.name) == ["average", "plainBuffer"])
        #expect(module.parameterCount == 8 + 6 * 6 + 2 + 1 + 6 + 4 + 2)
    }

    @Test func modulesAreListedBeforeTheirParts() {
        var generator = RandomGenerator(seed: 1)
        let model = Sequential(Linear(2, 2, using: &generator), Sequential(ReLU(), Tanh()))
        #expect(model.namedModules.map(\.name) == ["", "0", "1", "1.0", "1.1"])
        #expect(model.namedModules[0].module === model)
        #expect(model.namedModules[3].module is ReLU)
    }

    @Test func sharedTensorsAndModulesAreListedOnce() {
        var generator = RandomGenerator(seed: 1)
        let embedding = Embedding(5, 3, using: &generator)
        let tied = Linear(weight: embedding.weight, bias: Tensor.zeros([5]).requiringGradient())
        let shared = Tanh()
        let model = Sequential(embedding, shared, tied, tied, shared)
        #expect(model.parameterNames == ["0.weight", "2.bias"])
        #expect(model.parameterCount == 20)
        #expect(model.parameters[0].id == embedding.weight.id)
        #expect(model.namedModules.map(\.name) == ["", "0", "1", "2"])
    }

    @Test func cyclesEnd() {
        final class Child: Module {
            weak var parent: (any Module)?
            let weight = parameter(1)
            func callAsFunction(_ input: Tensor) -> Tensor { input }
        }
        final class Parent: Module {
            let child = Child()
            init() { child.parent = self }
            func callAsFunction(_ input: Tensor) -> Tensor { input }
        }
        let parent = Parent()
        #expect(parent.parameterNames == ["child.weight"])
    }

    @Test func componentsCanBeListedExplicitly() {
        final class Explicit: Module {
            private let storage = ["w": parameter(3)]
            private let mean = Tensor.zeros([2])
            private let inner = Leaf()
            var components: [Component] {
                [.module("part", inner), .parameter("scale", storage["w"]!), .buffer("mean", mean)]
            }
            func callAsFunction(_ input: Tensor) -> Tensor { input }
        }
        let module = Explicit()
        #expect(module.parameterNames == ["part.weight", "part.bias", "scale"])
        #expect(module.namedBuffers.map(\.name) == ["mean"])
    }

    @Test func frozenParametersStayParameters() {
        var generator = RandomGenerator(seed: 1)
        let body = Linear(3, 3, using: &generator)
        let model = Sequential(body, BatchNormalization(3), Linear(3, 2, using: &generator))
        let names = model.parameterNames
        let buffers = model.namedBuffers.map(\.name)
        body.freeze()
        #expect(model.parameterNames == names)
        #expect(model.namedBuffers.map(\.name) == buffers)
        #expect(buffers == ["1.runningMean", "1.runningVariance"])
        #expect(model.trainableParameters.map(\.id) == model.parameters.dropFirst(2).map(\.id))
        body.freeze(false)
        #expect(model.trainableParameters.count == names.count)
    }

    @Test func oneNameForTwoTensorsTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            final class Ambiguous: Module {
                var components: [Component] {
                    [.parameter("weight", Tensor.zeros([1])), .parameter("weight", Tensor.ones([1]))]
                }
                func callAsFunction(_ input: Tensor) -> Tensor { input }
            }
            _ = Ambiguous().parameters
        }
        #expect(result.message.contains("Ambiguous: two different tensors have the name 'weight'"))
    }
}
