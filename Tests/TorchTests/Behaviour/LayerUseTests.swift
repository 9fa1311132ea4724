import Foundation
import TestSupport
import Testing
import Torch

@Suite("Recording the uses of layers")
struct LayerUseTests {
    private struct Stop: Error {}

    let weight = randomTensor([4, 3], seed: 2).requiringGradient()
    let bias = randomTensor([4], seed: 3).requiringGradient()
    let square = randomTensor([3, 3], seed: 4).requiringGradient()
    let x = randomTensor([2, 3])

    @Test func usesCarryWhatWasUsed() throws {
        let (output, uses) = recordingLayerUses { linear(x, weight: weight, bias: bias) }
        let use = try #require(uses.first)
        #expect(uses.count == 1 && use.operation == .linear)
        #expect(use.weight.id == weight.id && use.bias?.id == bias.id)
        #expect(use.parameters.map(\.id) == [weight.id, bias.id])
        #expect(use.preActivation.id == output.id)
        expectClose(use.input, x)
    }

    @Test func operationsAreTold() {
        let geometry = ConvolutionGeometry(kernel: [2, 2], padding: [1])
        let kernel = randomTensor([2, 1, 2, 2]).requiringGradient()
        let scale = randomTensor([2]).requiringGradient()
        let indices = Tensor([1, 0])
        let uses = recordingLayerUses {
            let images = convolution(randomTensor([1, 1, 3, 3]), weight: kernel, geometry: geometry)
            _ = scaleAndShift(images, scale: scale, axes: [1])
            _ = embedding(indices, weight: weight)
            _ = linear(x, weight: weight)
        }.uses
        let expected: [LayerUse.Operation] = [
            .convolution(geometry), .scaleAndShift(axes: [1]), .embedding, .linear,
        ]
        #expect(uses.map(\.operation) == expected)
        #expect(uses.map(\.weight.id) == [kernel.id, scale.id, weight.id, weight.id])
        #expect(uses.allSatisfy { $0.bias == nil && $0.parameters.count == 1 })
        #expect(uses[2].input.array() == [1, 0])
    }

    @Test func twoUsesAreSeenTwice() {
        let uses = recordingLayerUses {
            linear(linear(x, weight: square).relu(), weight: square)
        }.uses
        #expect(uses.count == 2)
        #expect(uses[0].weight.id == uses[1].weight.id)
        expectClose(uses[1].input, uses[0].preActivation.relu())
    }

    @Test func inputsAreOutsideAndPreActivationsInsideTheGraph() {
        let (loss, uses) = recordingLayerUses {
            linear(linear(x, weight: square).tanh(), weight: weight).squared().sum()
        }
        #expect(uses.allSatisfy { !$0.input.requiresGradient && $0.preActivation.requiresGradient })
        let found = gradients(of: loss, withRespectTo: uses.map(\.preActivation), keepingGraph: true)
        let expected = gradients(of: loss, withRespectTo: [square, weight])
        for (use, (preActivation, whole)) in zip(uses, zip(found, expected)) {
            expectClose(preActivation.transposed().matmul(use.input), whole)
        }
    }

    @Test func frozenWeightsAreNotSeen() {
        let frozen = square.detached()
        let uses = recordingLayerUses {
            let hidden = linear(x, weight: frozen)
            _ = linear(hidden, weight: frozen, bias: Tensor.zeros([3], dtype: .float64))
            _ = linear(hidden, weight: weight.detached(), bias: bias)
        }.uses
        #expect(uses.map(\.bias?.id) == [bias.id])
    }

    @Test func innerRecordingsKeepTheirUses() {
        let (inner, outer) = recordingLayerUses {
            _ = linear(x, weight: weight)
            let inner = recordingLayerUses { _ = linear(x, weight: square) }.uses
            _ = linear(x, weight: weight, bias: bias)
            return inner
        }
        #expect(inner.map(\.weight.id) == [square.id])
        #expect(outer.map(\.weight.id) == [weight.id, weight.id])
        #expect(outer[1].bias != nil)
    }

    @Test func nothingIsRecordedWithoutGradients() {
        let uses = recordingLayerUses {
            withoutGradients {
                _ = linear(x, weight: weight)
                _ = withGradients { linear(x, weight: square) }
            }
        }.uses
        #expect(uses.map(\.weight.id) == [square.id])
    }

    @Test func errorsPassThrough() {
        #expect(throws: Stop.self) {
            try recordingLayerUses { () throws(Stop) in
                _ = linear(x, weight: weight)
                throw Stop()
            }
        }
        #expect(recordingLayerUses { linear(x, weight: weight) }.uses.count == 1)
    }

    @Test func operationsOfOnesOwnReport() {
        let uses = recordingLayerUses {
            let output = x.matmul(square)
            LayerUse.report(
                LayerUse(operation: .linear, weight: square, bias: nil, input: x, preActivation: output))
        }.uses
        #expect(uses.count == 1)
    }

    @Test func reportOutsideARecordingIsNotEvenFormed() {
        func form() -> LayerUse {
            Issue.record("formed")
            return LayerUse(operation: .linear, weight: weight, bias: nil, input: x, preActivation: x)
        }
        LayerUse.report(form())
        _ = recordingLayerUses { withoutGradients { LayerUse.report(form()) } }
    }

    /// Runs tasks on a thread of its own.
    private final class QueueExecutor: TaskExecutor {
        private let queue = DispatchQueue(label: "LayerUseTests")

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }

    @Test func otherThreadsAreNotSeen() {
        let executor = QueueExecutor()
        let uses = recordingLayerUses {
            let done = DispatchSemaphore(value: 0)
            // The task inherits the values local to this one.
            Task(executorPreference: executor) {
                _ = linear(x, weight: square)
                done.signal()
            }
            done.wait()
            _ = linear(x, weight: weight)
        }.uses
        #expect(uses.map(\.weight.id) == [weight.id])
    }

    @Test func recordingsOnSeveralTasksAreSeparate() async {
        await withTaskGroup(of: Void.self) { group in
            for count in 1...6 {
                group.addTask {
                    let uses = recordingLayerUses { for _ in 0..<count { _ = linear(x, weight: weight) } }.uses
                    #expect(uses.count == count)
                }
            }
        }
    }

    /// The operation of the use, with other parameters; nothing is recorded of it.
    @Test func usesAreDoneAgainWithOtherParameters() {
        let kernel = Tensor([1.0, 2, 3, 4], shape: [2, 1, 2]).requiringGradient()
        let geometry = ConvolutionGeometry(kernel: [2], stride: [2], padding: [1])
        let table = Tensor([1.0, 2, 3, 4], shape: [2, 2]).requiringGradient()
        let image = Tensor([1.0, 2, 3, 4], shape: [1, 1, 4])
        let rows = Tensor([1.0, 2, 3, 4], shape: [2, 2])
        let shift = Tensor([5.0, 6]).requiringGradient()
        let indices = Tensor([1, 0, 1])
        let uses = recordingLayerUses {
            _ = linear(rows, weight: table, bias: shift)
            _ = convolution(image, weight: kernel, geometry: geometry)
            _ = embedding(indices, weight: table)
            _ = scaleAndShift(rows, scale: shift, axes: [0])
        }.uses
        let (others, none) = recordingLayerUses {
            [
                uses[0].preActivation(weight: table * 2, bias: shift + 1),
                uses[1].preActivation(weight: kernel * 2, bias: shift),
                uses[2].preActivation(weight: table * 3, bias: nil),
                uses[3].preActivation(weight: shift * 2, bias: shift),
            ]
        }
        #expect(none.isEmpty)
        #expect(others.allSatisfy { !$0.requiresGradient })
        #expect(others[0].flattened().array() == [16.0, 29, 28, 57])
        #expect(others[1].flattened().array() == [9.0, 21, 13, 14, 42, 30])
        #expect(others[2].flattened().array() == [9.0, 12, 3, 6, 9, 12])
        #expect(others[3].flattened().array() == [15.0, 25, 42, 54])
    }
}
