import Foundation
import TestSupport
import Testing
import Torch

@Suite("Handles and threads")
struct LifetimeTests {
    /// The memory that this process holds, in bytes.
    private static func residentMemory() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(Int(fields[1])) * 4096
    }

    /// Uses each way in which handles come and go; some hundred kilobytes of tensors.
    private static func useTensors(_ generator: inout RandomGenerator) throws {
        let weight = Tensor.ones([64, 64]).requiringGradient()
        let (loss, uses) = recordingLayerUses {
            let hidden = linear(generator.normal([64, 64]), weight: weight).tanh()
            return linear(hidden, weight: weight, bias: Tensor.zeros([64])).squared().mean()
        }
        let unused = Tensor.zeros([64, 64]).requiringGradient()
        let first = gradientsIfReached(
            of: [loss], withRespectTo: [weight, unused] + uses.map(\.preActivation), differentiable: true)
        _ = gradients(of: try #require(first[0]).squared().sum(), withRespectTo: [weight])
        let matrix = weight.detached().matmul(weight.detached().transposed())
        #expect(throws: LinearAlgebraError.self) { try matrix.inverse() }
        _ = try (matrix + Tensor.identity(64)).symmetricEigen()
        matrix[0] = Tensor.concatenate([matrix[1, ..<32], matrix[2, 32...]])
        _ = try Safetensors(data: Safetensors(tensors: ["x": matrix]).encoded())
        var copy = generator
        for _ in 0..<20 { _ = copy.split().state }
    }

    /// Whether the memory of this process can be told, which holds on to freed memory under the address sanitiser.
    private static let memoryIsTold =
        FileManager.default.isReadableFile(atPath: "/proc/self/statm")
        && dlsym(dlopen(nil, RTLD_LAZY), "__asan_init") == nil

    @Test(.enabled(if: memoryIsTold, "there is no /proc/self/statm, or the address sanitiser is at work"))
    func memoryDoesNotGrow() async {
        await #expect(processExitsWith: .success) {
            // Threads that wait for each other would take longer than the work.
            Runtime.threadCount = 1
            var generator = RandomGenerator(seed: 1)
            for _ in 0..<50 { try Self.useTensors(&generator) }
            let before = try Self.residentMemory()
            for _ in 0..<400 { try Self.useTensors(&generator) }
            let growth = try Self.residentMemory() - before
            // One matrix lost in each round would be 6.5 million bytes, a graph several times that.
            #expect(growth < 5_000_000)
        }
    }

    @Test func oneTensorIsUsedByManyTasks() async {
        let shared = randomTensor([16, 16]).requiringGradient()
        let loss = shared.matmul(shared).tanh().sum()
        let expected = gradients(of: loss, withRespectTo: [shared], keepingGraph: true)[0]
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    for _ in 0..<50 {
                        // Its own graph, the shared graph, and views of the shared memory.
                        let own = shared.matmul(shared).tanh().sum()
                        let output = index.isMultiple(of: 2) ? own : loss
                        let gradient = gradients(of: output, withRespectTo: [shared], keepingGraph: true)[0]
                        expectClose(gradient, expected, relative: 1e-12, absolute: 1e-14)
                        #expect(shared[index % 4].transposed(0, 0).count == 16)
                    }
                }
            }
        }
    }

    @Test func gradientModeBelongsToTheThread() async {
        let x = Tensor([1.0]).requiringGradient()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    for _ in 0..<100 {
                        if index.isMultiple(of: 2) {
                            withoutGradients { #expect(!(x + 1).requiresGradient) }
                        } else {
                            #expect((x + 1).requiresGradient)
                        }
                    }
                }
            }
        }
    }

    @Test func errorMessagesBelongToTheThread() async {
        await withTaskGroup(of: Void.self) { group in
            for index in 2..<8 {
                group.addTask {
                    for _ in 0..<50 {
                        let error = #expect(throws: LinearAlgebraError.self) {
                            try (Tensor.range(1..<(index + 1), dtype: .float32) - Double(index)).diagonalMatrix()
                                .squared().cholesky()
                        }
                        #expect(error?.shape == [index, index])
                        #expect(error?.reason.contains("order \(index) is not") == true)
                    }
                }
            }
        }
    }
}
