import TestSupport
import Testing
import Torch

/// What happens where memory runs out.
@Suite struct MemoryFaultTests {
    private static let x = randomTensor([4, 4], seed: 1)
    private static let image = randomTensor([2, 4, 7, 6], seed: 2)
    private static let positive = x.matmul(x.transposed()) + Tensor.identity(4, dtype: .float64)

    /// Operations with results of all kinds of shapes.
    private static let operations: [(name: String, run: @Sendable () throws -> [Tensor])] = [
        ("unary", { [x.abs(), x.relu(), .!(x .> 0), x.isFinite(), x.exp(), x.softplus(), -x] }),
        ("binary", { [x + x[0], x * 2.0, (x .> 0) .& (x .< 1), (x .> 0) .| (x[0] .< 1), x .== x] }),
        (
            "reductions",
            { [x.sum(), x.mean(0), x.variance(1), x.logSumExp(0), x.max(), x.argmax(), x.cumulativeSum(axis: 0)] }
        ),
        ("products", { [x.matmul(x), Tensor.einsum("ij,jk->ik", x, x), linear(x, weight: x, bias: x[0])] }),
        (
            "convolution",
            {
                [
                    convolution(
                        image, weight: randomTensor([6, 2, 3, 3], seed: 3), stride: [2, 1], padding: [1, 2], groups: 2),
                    convolution(
                        image, weight: randomTensor([4, 3, 3, 2], seed: 3),
                        geometry: ConvolutionGeometry(kernel: [3, 2], stride: [2, 2], isTransposed: true)),
                    maxPooling2D(image, window: [2, 2]), averagePooling2D(image, window: [2, 2]),
                ]
            }
        ),
        (
            "indices",
            {
                let numbers = Tensor([2, 0, 1])
                return [
                    x.gathered(numbers), x.gathered(numbers, axis: 1), x[1], x[0..<2], numbers.oneHot(classes: 3),
                    numbers.occurrences(classes: 3), x.flipped(0), x.adding(x[0..<3], at: numbers),
                ]
            }
        ),
        (
            "linear algebra",
            {
                let factor = try positive.cholesky()
                let (values, vectors) = try positive.symmetricEigen()
                return [
                    factor, values, vectors, try positive.inverse(), try factor.solveTriangular(x),
                    try positive.solve(x),
                ]
            }
        ),
        (
            "gradients",
            {
                let parameter = x.copy().requiringGradient()
                return gradients(of: (parameter * parameter).sum(), withRespectTo: [parameter])
            }
        ),
        (
            "random",
            {
                var generator = RandomGenerator(seed: 1)
                return [
                    generator.normal([2, 3]), generator.uniform([3]), generator.permutation(5),
                    generator.categorical(Tensor.ones([3, 4]), draws: 2), generator.signs(like: x),
                ]
            }
        ),
        ("creation", { [Tensor([1.0, 2]), Tensor.identity(3), Tensor.range(0..<4), x.to(.float32), x.copy()] }),
    ]

    /// Without memory, results have the shapes and types that they would have had.
    @Test(arguments: operations.indices) func shapesAreKnown(index: Int) throws {
        let operation = Self.operations[index]
        let expected = try operation.run().map { "\($0.dtype)\($0.shape) \($0.requiresGradient)" }
        let (outcome, _) = MemoryShortage.after(0) {
            try checkingMemory {
                _ = Tensor.zeros([1000])
                let found = try operation.run()
                #expect(found.map { "\($0.dtype)\($0.shape) \($0.requiresGradient)" } == expected, "\(operation.name)")
                #expect(found.allSatisfy { $0.device == .cpu })
            }
        }
        let fault = #expect(throws: MemoryFault.self) { try outcome.get() }
        #expect(fault?.operation == "full" && fault?.byteCount == 4000 && fault?.hasWritten == false, "\(fault!)")
    }

    @Test func nothingIsWrittenAfterwards() throws {
        let target = Tensor([1.0, 2, 3])
        let (outcome, _) = MemoryShortage.after(0) {
            try checkingMemory {
                let sum = target + target
                #expect(sum.shape == [3] && sum.sum().scalar == 1)
                #expect((sum .> 5).all() && !(sum .> 0).any())
                target.fill(7)
                target.add(inPlace: sum)
            }
        }
        #expect(
            throws: MemoryFault(
                operation: "add", operands: "[3], [3]", byteCount: 24,
                reason: "out of memory: tried to allocate 24 bytes")
        ) {
            try outcome.get()
        }
        #expect(target.array(of: Double.self) == [1, 2, 3])
        #expect((target + target).array(of: Double.self) == [2, 4, 6])
    }

    /// An inner scope's faults are its own; those of an outer one are its, too.
    @Test func scopesNest() throws {
        let x = Tensor([1.0, 2, 3])
        try checkingMemory {
            let (inner, _) = MemoryShortage.after(0) { try checkingMemory { x + x } }
            #expect(throws: MemoryFault.self) { try inner.get() }
            #expect((x + x).array(of: Double.self) == [2, 4, 6])
        }
        let (outer, _) = MemoryShortage.after(0) {
            try checkingMemory {
                _ = x + x
                #expect(throws: MemoryFault.self) { try checkingMemory { x * x } }
            }
        }
        #expect(throws: MemoryFault.self) { try outer.get() }
    }

    @Test func parametersThatWereWrittenAreTold() throws {
        let parameter = randomTensor([3], seed: 1).requiringGradient()
        let (outcome, _) = MemoryShortage.after(1) {
            try checkingMemory {
                withoutGradients {
                    parameter.multiply(inPlace: 2)
                    _ = [parameter.detached().copy(), parameter.detached().copy()]
                }
            }
        }
        #expect(try { () throws in #expect(throws: MemoryFault.self) { try outcome.get() } }()?.hasWritten == true)
    }

    @Test func outsideItStopsTheProgramByName() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = MemoryShortage.after(0) { Tensor([1.0]) + 1 }
        }
        let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(message.contains("Tensor(): out of memory: tried to allocate 8 bytes"), "\(message)")
    }

    @Test func errorsWithMemoryAreTheBodysOwn() {
        struct Other: Error {}
        #expect(throws: Other.self) { try checkingMemory { throw Other() } }
        #expect((try? checkingMemory { 3 }) == 3)
    }
}
