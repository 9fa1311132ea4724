import TestSupport
import Testing
import Torch

@Suite("Differentiation")
struct AutogradTests {
    private struct Stop: Error {}

    let x = Tensor([1.0, 2, 3]).requiringGradient()

    @Test func gradientOfAScalar() {
        #expect(gradients(of: (x * x).sum(), withRespectTo: [x])[0].array() == [2.0, 4, 6])
        let twice = gradients(of: x.sum() * x.sum(), withRespectTo: [x, x])
        #expect(twice.map { $0.array() } == [[12.0, 12, 12], [12, 12, 12]])
    }

    @Test func unusedInputs() {
        let other = Tensor.ones([2, 2], dtype: .float32).requiringGradient()
        let reached = gradientsIfReached(of: [x.sum()], withRespectTo: [other, x])
        #expect(reached[0] == nil && reached[1] != nil)
        let zeros = gradients(of: x.sum(), withRespectTo: [other, x])[0]
        #expect(zeros.dtype == .float32 && zeros.array() == [Float](repeating: 0, count: 4))
        #expect(!zeros.requiresGradient)
    }

    @Test func nothingToDifferentiate() {
        #expect(gradients(of: x.sum(), withRespectTo: []).isEmpty)
        #expect(gradients(of: [], withRespectTo: [x])[0].array() == [0.0, 0, 0])
    }

    @Test func weightsOfTheOutputs() {
        let outputs = [x * x, x.sum()]
        let weights = [Tensor([1.0, 0, -1]), Tensor(10.0)]
        #expect(gradients(of: outputs, weightedBy: weights, withRespectTo: [x])[0].array() == [12.0, 10, 4])
    }

    @Test func gradientWithoutMemoryIsMadeReal() {
        // Of such functions libtorch says "zero" without storing any.
        for function in [{ $0.sign() }, { $0.floor() }, { $0.rounded() }] as [(Tensor) -> Tensor] {
            let y = (function(x) * x.detached()).sum()
            #expect(gradients(of: y, withRespectTo: [x], differentiable: true)[0].array() == [0.0, 0, 0])
        }
    }

    @Test func graphIsKeptWhenAsked() {
        let y = x.exp().sum()
        let first = gradients(of: y, withRespectTo: [x], keepingGraph: true)[0]
        let second = gradients(of: y, withRespectTo: [x])[0]
        #expect(first.array(of: Double.self) == second.array(of: Double.self))
        #expect(!first.requiresGradient)
    }

    @Test func graphIsGoneOtherwise() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let x = Tensor([1.0]).requiringGradient()
            let y = x.exp()
            _ = gradients(of: y, withRespectTo: [x])
            _ = gradients(of: y, withRespectTo: [x])
        }
        expectStandardError(result, "gradients(float64[1]): an earlier differentiation has freed the graph")
    }

    @Test func gradientsOfGradients() {
        let first = gradients(of: x.pow(3).sum(), withRespectTo: [x], differentiable: true)[0]
        #expect(first.requiresGradient)
        let second = gradients(of: first.sum(), withRespectTo: [x], differentiable: true)[0]
        #expect(second.array() == [6.0, 12, 18])
        #expect(gradients(of: second.sum(), withRespectTo: [x])[0].array() == [6.0, 6, 6])
    }

    @Test func gradientsUpToIntermediateResults() {
        let weight = Tensor([2.0, 2, 2]).requiringGradient()
        let middle = x * weight
        let y = (middle * middle).sum()
        #expect(gradients(of: y, withRespectTo: [middle], keepingGraph: true)[0].array() == [4.0, 8, 12])
        #expect(gradients(of: y, withRespectTo: [middle, weight])[1].array() == [4.0, 16, 36])
    }

    @Test func parametersAreLeaves() {
        #expect(!Tensor([1.0]).requiresGradient)
        #expect(x.requiresGradient && (x + 1).requiresGradient)
        #expect(!x.detached().requiresGradient && !(x .> 1).requiresGradient)
        #expect(x.detached().requiringGradient().id != x.id)
        let y = Tensor([1.0]).requiringGradient()
        #expect(!y.requiringGradient(false).requiresGradient)
        #expect(!y.requiresGradient)
    }

    @Test func recordingStops() throws {
        #expect(!withoutGradients { x * x }.requiresGradient)
        #expect((x * x).requiresGradient)
        withoutGradients {
            #expect(withGradients { x * x }.requiresGradient)
            withoutGradients { #expect(!(x * x).requiresGradient) }
            #expect(!(x * x).requiresGradient)
        }
        #expect((x * x).requiresGradient)
    }

    @Test func recordingResumesAfterAnError() {
        #expect(throws: Stop.self) {
            try withoutGradients { () throws(Stop) in throw Stop() }
        }
        #expect((x * x).requiresGradient)
        #expect(throws: LinearAlgebraError.self) { try withoutGradients { try Tensor.zeros([2, 2]).inverse() } }
        #expect((x * x).requiresGradient)
    }

    @Test func differentiationWorksWhileNothingIsRecorded() {
        let y = (x * x).sum()
        let gradient = withoutGradients { gradients(of: y, withRespectTo: [x], differentiable: true)[0] }
        #expect(gradient.array() == [2.0, 4, 6])
        #expect(gradient.requiresGradient)
    }

    @Test func parametersAreWrittenOutsideTheGraph() {
        let parameter = Tensor([1.0, 2]).requiringGradient()
        withoutGradients {
            parameter.add(inPlace: Tensor([1.0, 1]), scale: -1)
            parameter[0] = Tensor(5.0)
        }
        #expect(parameter.requiresGradient)
        #expect(parameter.array() == [5.0, 1])
    }

    @Test func writingIntoAParameterTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Tensor([1.0]).requiringGradient().multiply(inPlace: 2)
        }
        expectStandardError(result, "multiply(inPlace:)(float64[1]): ", "written inside withoutGradients only")
    }

    @Test func writesAreDifferentiated() {
        let y = x * 2
        y[1] = x[0] * 3
        #expect(gradients(of: y.sum(), withRespectTo: [x])[0].array() == [5.0, 0, 2])
    }

    @Test func usesInAGraphAreCounted() {
        let (a, b, c) = (x.detached().copy().requiringGradient(), x.detached().copy().requiringGradient(), x)
        let product = a * a
        let sum = product + b.sum() + product
        let y = sum + 1
        #expect(graphUses(of: [a, b, c, product, sum, y, x.detached()], in: [y, product]) == [2, 1, 0, 3, 1, 1, 0])
        #expect(graphUses(of: [a], in: [x.detached()]) == [0])
        #expect(graphUses(of: [], in: [y]) == [])
        // The graph of a use that leads nowhere is no part of it.
        _ = a * b
        #expect(graphUses(of: [a], in: [y]) == [2])
    }
}
