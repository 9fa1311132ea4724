import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The memory that layers are said to take is what they take.
@Suite struct MemoryEstimateTests {
    /// The bytes of a snapshot's matrices and vectors: what is not a number by itself.
    private func bytes(_ snapshot: Snapshot) -> Int {
        let numbers = ["locations.value", "totalWeight", "updateCount", "weight", "scale", "count", "lagCounts"]
        return snapshot.tensors.filter { entry in
            // Behind it, there may be the order of the axes.
            let name = String(entry.key.prefix { $0 != "@" })
            return !numbers.contains { name == $0 || name.hasSuffix(".\($0)") }
        }.reduce(0) { $0 + $1.value.count * 8 }
    }

    private func expectSame(_ block: any CurvatureBlock, _ memory: MemoryEstimate?, _ what: String) throws {
        let memory = try #require(memory)
        #expect(memory.factors.allSatisfy { $0.layer.hasPrefix("layer") }, "\(what)")
        var averages = Snapshot()
        block.save(to: &averages)
        #expect(memory.averageBytes == bytes(averages), "averages of \(what)")
        var inverse = Snapshot()
        inverse.set("inverse", try block.inverseCurvature(damping: 0.1, applications: .max))
        #expect(memory.inverseBytes == bytes(inverse), "inverses of \(what)")
        #expect(memory.totalBytes == memory.averageBytes + memory.inverseBytes + memory.refreshBytes)
    }

    @Test(arguments: BlockCase.allCases, [DampingSplit.traceRatio, .exact])
    func blocksTakeWhatIsSaid(name: BlockCase, split: DampingSplit) throws {
        for limit in [5120, 5, 2] {
            let settings = FactorSettings(dampingSplit: split, dimensionLimit: limit, blockSize: 4)
            let probe = try name.probe(settings: settings)
            try expectSame(probe[0], probe.memory, "\(name) \(split) \(limit)")
        }
    }

    @Test(arguments: [Approximation.TimeSeriesForm.symmetricLag, .longSeries])
    func timeSeries(form: Approximation.TimeSeriesForm) throws {
        let layer = TestLayer([3, 2], seed: 1)
        let probe = try CurvatureProbe(
            layer.named("layer"), choices: LayerChoices(kinds: [.linear: .timeSeries(form)])
        ) {
            let mean = layer(randomTensor([10, 6, 2], seed: 2))
            return Loss(Normal(mean: mean.tanh()), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
        try expectSame(probe[0], probe.memory, "\(form)")
    }

    private func loss(_ layer: TestLayer) -> Loss {
        let x = randomTensor([3, layer.weight.shape[1]], seed: 4, dtype: layer.weight.dtype)
        return Loss(Categorical(logits: layer(x)), targets: Tensor([0, 1, 2]))
    }

    @Test func isKnownBeforeTheFirstStep() throws {
        let layer = TestLayer([12, 5], seed: 1)
        let optimizer = KFACOptimizer(layer.named("layer"))
        #expect(optimizer.memoryEstimate == nil)
        let estimate = try optimizer.memoryEstimate { loss(layer) }
        #expect(optimizer.memoryEstimate == nil && optimizer.stepCount == 0)
        #expect(estimate.factors.map(\.dimension) == [12, 6])
        #expect(estimate.factors.map(\.side) == [.output, .input])
        #expect(estimate.averageBytes == 8 * (144 + 36))
        #expect(estimate.refreshBytes == 8 * (144 + 36) + 2 * 8 * 144)
        #expect(estimate.description.contains("layer (output), dimension 12, dense: 1.2 kB"))
        try optimizer.step { loss(layer) }
        #expect(optimizer.memoryEstimate == estimate)
        let background = KFACOptimizer(
            layer.named("layer"), configuration: .init(inverses: .background(every: 5, after: 2, initially: 1)))
        #expect(try background.memoryEstimate { loss(layer) }.refreshBytes == 2 * 8 * (144 + 36) + 2 * 8 * 144)
    }

    @Test func moreThanThereIsIsAnError() throws {
        let layer = TestLayer([12, 5], seed: 1)
        let optimizer = KFACOptimizer(layer.named("head"))
        let needed = try optimizer.memoryEstimate { loss(layer) }.totalBytes
        optimizer.curvature.layers.memoryLimit = needed - 1
        let before = layer.weight.detached().copy()
        let error = #expect(throws: CurvatureError.self) { try optimizer.step { loss(layer) } }
        for part in ["head (output), dimension 12, dense", "head (input), dimension 6", "dimensionLimit"] {
            #expect(error?.description.contains(part) == true, "\(error!)")
        }
        #expect(!optimizer.curvature.layers.isPlanned && optimizer.curvature.blocks.isEmpty && optimizer.stepCount == 0)
        expectClose(layer.weight.detached(), before, relative: 0)
        optimizer.curvature.layers.memoryLimit = needed
        try optimizer.step { loss(layer) }
        #expect(optimizer.stepCount == 1)
    }

    /// A factor that no machine holds is refused before it is allocated; by default it is kept in blocks.
    @Test func noMachineHoldsAMillionClassesDensely() throws {
        let layer = TestLayer([1_000_000, 1], hasBias: false, seed: 1, dtype: .float32)
        let dense = KFACOptimizer(
            layer.named("head"), configuration: .init(factors: FactorSettings(dimensionLimit: .max)))
        let error = #expect(throws: CurvatureError.self) { try dense.step { loss(layer) } }
        #expect(error?.description.contains("head (output), dimension 1000000, dense: 4.0 TB") == true)
        #expect(try KFACOptimizer(layer.named("head")).memoryEstimate { loss(layer) }.totalBytes < 8 << 30)
    }

    @Test func theMachineHasSomeMemory() {
        #expect(MachineMemory.limit > 1 << 20)
        #expect(bytesText == ["999 bytes", "1.0 kB", "4.3 GB", "160.0 GB", "4.6 EB"])
    }

    private var bytesText: [String] {
        [999, 1000, 4_294_967_296, 160_000_000_000, 1 << 62].map { KFAC.bytes($0) }
    }
}
