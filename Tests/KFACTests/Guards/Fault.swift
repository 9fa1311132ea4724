import TestSupport
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Something that goes wrong in one step of a run.
enum Fault: String, CaseIterable, Sendable {
    case inputNaN, inputInfinite, lossNaN, lossInfinite, gradientNaN
    case zeros, constant, rankOne, batchOfOne
    case scaleUp, scaleDown
    case failingInverse, failingLadder, brokenAverage

    /// Whether the guards must tell of it in any case; what is left are batches as they may well come.
    func mustBeTold(by kind: GuardCase) -> Bool {
        switch self {
        case .zeros, .constant, .rankOne, .batchOfOne: false
        // Inputs of a series are states, too, which stay as large as they are.
        case .scaleDown: !kind.isSeries
        default: true
        }
    }

    /// Whether it is told at the next update of the inverses rather than at once.
    var waitsForInverses: Bool { [.failingInverse, .failingLadder, .brokenAverage].contains(self) }

    /// The loss of a batch with this fault in it.
    func loss(_ network: GuardNetwork, seed: UInt64) -> Loss {
        var batch = network.batch(self == .batchOfOne ? 1 : 8, seed: seed)
        let rows = batch.inputs.shape
        switch self {
        case .inputNaN: return network.loss(batch) { $0 * .nan }
        case .inputInfinite: return network.loss(batch) { $0 * .infinity }
        case .lossNaN: return network.loss(batch, after: { $0 * .nan })
        case .lossInfinite: return network.loss(batch, after: { $0 - .infinity })
        // √0 · 0: the value is 0 and the slope is not a number.
        case .gradientNaN: return network.loss(batch, after: { $0 + ($0 * 0).squareRoot() })
        case .zeros: return network.loss(batch) { $0 * 0 }
        case .constant where network.kind.takesIndices:
            batch.inputs = Tensor.zeros(like: batch.inputs)
            return network.loss(batch)
        case .constant: return network.loss(batch) { $0 * 0 + 0.5 }
        case .rankOne:
            batch.inputs = batch.inputs[0..<1].broadcast(to: rows).copy()
            return network.loss(batch)
        case .scaleUp: return network.loss(batch) { $0 * 1e18 }
        case .scaleDown: return network.loss(batch) { $0 * 1e-18 }
        case .batchOfOne, .failingInverse, .failingLadder, .brokenAverage: return network.loss(batch)
        }
    }

    /// What makes factorisations fail, while this lasts.
    var inverseFault: InverseLadder.Fault? {
        switch self {
        case .failingInverse: { _, rung in rung == nil }
        case .failingLadder: { _, rung in rung != .lastGood }
        default: nil
        }
    }

    /// Breaks a running average of the first block: rows that no second moment has.
    func breakAverage(of optimizer: KFACOptimizer, value: Double) {
        guard self == .brokenAverage, let block = optimizer.curvature.blocks.first else { return }
        let factor: any FisherFactor =
            switch block {
            case let own as KroneckerBlock: own.output
            case let own as TimeSeriesBlock: own.output
            default: (block as! FactorBlock).factor
            }
        withoutGradients {
            switch factor.average {
            case let own as DenseOperator: own.matrix.fill(value)
            case let own as DiagonalOperator: own.diagonal.fill(value)
            case let own as GroupedOperator: own.blocks.fill(value)
            // The operator is of a copy.
            default: (factor as! ScaleAndShiftUnitwiseFactor).movingAverage.value.fill(value)
            }
        }
    }
}
