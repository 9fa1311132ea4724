import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// What a batch tells of a layer is checked before it enters the running average.
@Suite struct StatisticsGuardTests {
    /// An x whose value is as it was and whose gradient, for some rows of targets, is not a number.
    private static func poisoned(_ x: Tensor) -> Tensor { x + (x * 0).squareRoot() }

    private static func averages(_ optimizer: KFACOptimizer) -> [[UInt64]] {
        optimizer.curvature.blocks.map { block -> [UInt64] in
            let matrix =
                switch block {
                case let own as KroneckerBlock:
                    Tensor.concatenate([own.input.average.dense().flattened(), own.output.average.dense().flattened()])
                case let own as TimeSeriesBlock:
                    Tensor.concatenate([own.input.covariance.flattened(), own.output.covariance.flattened()])
                default: (block as! FactorBlock).factor.average.dense().flattened()
                }
            return matrix.to(.float64).array(of: Double.self).map(\.bitPattern)
        }
    }

    /// A batch a trillion trillion times as large, or as small, moves no average; where it is too large, nothing at
    /// all.
    @Test(arguments: GuardCase.allCases, [DType.float64, .float32]) func scales(kind: GuardCase, dtype: DType) throws {
        // The inputs of a series are states as well, which stay as large as they are, and generic blocks see none.
        for scale in kind.isSeries || kind.isGeneric ? [1e18] : [1e18, 1e-18] {
            let network = kind.network(dtype)
            let optimizer = network.optimizer()
            for step in 0..<3 { try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) } }
            let (bits, averages) = (network.bits, Self.averages(optimizer))
            let report = try optimizer.step { network.loss(network.batch(8, seed: 9)) { $0 * scale } }
            #expect(!report.guards.isEmpty)
            #expect(network.isFinite)
            let layer = kind.takesIndices ? "output" : optimizer.curvature.blocks[0].name
            let changed = zip(optimizer.curvature.blocks, zip(averages, Self.averages(optimizer))).filter {
                $1.0 != $1.1
            }
            #expect(!changed.contains { $0.0.name == layer }, "\(changed.map(\.0.name))")
            if scale > 1 {
                #expect(report.isRejected && network.bits == bits, "\(report.guards)")
            } else {
                #expect(!report.isRejected, "\(report.guards)")
                #expect(report.guards.contains { $0.kind == .statisticsRejected && $0.layer == layer })
            }
        }
    }

    /// Only the drawn targets' gradients fail: the layer keeps its average, and the step is taken.
    @Test func gradientsOfDrawnTargets() throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer()
        let batch = network.batch(8, seed: 1)
        try optimizer.step { network.loss(batch) }
        let before = Self.averages(optimizer)
        let blocks = optimizer.curvature.blocks
        let statistics = blocks.enumerated().map { index, block in
            let value = index == 0 ? Double.nan : 1
            let use = LayerUse(
                operation: .linear, weight: block.parameters[0].tensor, bias: nil,
                input: Tensor.ones([8, block.parameters[0].tensor.shape[1]], dtype: .float64),
                preActivation: Tensor.ones([8, 1]))
            let gradient = Tensor.full([8, block.parameters[0].tensor.shape[0]], value, dtype: .float64)
            return (
                block: block,
                statistics: BlockStatistics(uses: [use], gradients: [[gradient]], batchSize: 8, decay: 0.95)
            )
        }
        optimizer.watch.begin(optimizer.configuration.guards)
        let report = StepReport(step: 1, lossTensor: Tensor(1.0), learningRate: 0, momentum: 0)
        let admitted = try optimizer.admitted(statistics, report)
        #expect(admitted.map(\.block.name) == ["output"])
        #expect(optimizer.watch.events == [.statisticsRejected(layer: "layer", defect: .notFinite)])
        #expect(
            optimizer.watch.events.first?.description
                == "the statistics of layer are left out, as they are not finite or too large to be squared")
        #expect(Self.averages(optimizer) == before)
    }

    /// What lasts is believed: three batches are left out, the fourth begins the average anew.
    @Test(arguments: [1e8, 1e-8]) func aLastingChangeIsBelieved(scale: Double) throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer(inverses: .together(every: 1))
        for step in 0..<3 { try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) } }
        var kinds: [Set<GuardEvent.Kind>] = []
        for step in 0..<5 {
            let batch = network.batch(8, seed: UInt64(10 + step))
            kinds.append(Set(try optimizer.step { network.loss(batch) { $0 * scale } }.guards.map(\.kind)))
        }
        for rejected in kinds.prefix(3) { #expect(rejected.contains(.statisticsRejected), "\(kinds)") }
        #expect(kinds[3].contains(.statisticsRestarted) && !kinds[3].contains(.statisticsRejected), "\(kinds)")
        #expect(kinds[4].isDisjoint(with: [.statisticsRestarted, .statisticsRejected, .stepRejected]), "\(kinds)")
        let block = try #require(optimizer.curvature.blocks[0] as? KroneckerBlock)
        // The mean square of uniform numbers, 1/3, and the bias's 1; nothing of the old scale remains.
        #expect(abs(block.input.average.trace() / (6 * scale * scale / 3 + 1) - 1) < 0.2)
    }

    /// The part of a batch that is left out does not take the decay of the averages with it.
    @Test func partsOfABatch() throws {
        func run(_ guards: Guards, badFirst: Bool) throws -> [[UInt64]] {
            let network = GuardCase.linear.network()
            let optimizer = network.optimizer(estimation: .empirical, guards: guards)
            try optimizer.step { network.loss(network.batch(8, seed: 1)) }
            let batch = network.batch(8, seed: 2)
            try optimizer.step(parts: badFirst ? 2 : 1) { part in
                network.loss(batch) { badFirst && part == 0 ? $0 * 1e-18 : $0 }
            }
            return Array(Self.averages(optimizer).prefix(1))
        }
        #expect(try run(Guards(), badFirst: true) == run(Guards(), badFirst: false))
    }

    @Test func layersDieAndRevive() throws {
        let network = GuardCase.linearWithoutBias.network()
        let optimizer = network.optimizer(inverses: .together(every: 1))
        func step(_ scale: Double) throws -> [GuardEvent] {
            try optimizer.step { network.loss(network.batch(8, seed: 1)) { $0 * scale } }.guards
        }
        #expect(try step(0) == [.deadLayer(layer: "layer")])
        #expect(try step(0).isEmpty)
        #expect(try step(1).isEmpty)
        #expect(
            GuardEvent.deadLayer(layer: "layer").description
                == "layer has no curvature: its inputs or output gradients are zero")
    }
}
