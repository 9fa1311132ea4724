import Foundation
import KFAC
import Torch

/// y = x ∘ w: each channel times a weight of its own.
///
/// An operation that the library does not know reports its use.
func gate(_ x: Tensor, by weight: Tensor) -> Tensor {
    let y = x * weight
    LayerUse.report(LayerUse(operation: .custom("gate"), weight: weight, bias: nil, input: x, preActivation: y))
    return y
}

/// The curvature of a gate's weight: the exact diagonal, the mean over examples of (g ∘ x)².
final class GateBlock: CurvatureBlock {
    let parameters: [NamedParameter]
    private var average: Tensor
    private var weight = 0.0

    var name: String { parameters[0].name }

    init(_ weight: NamedParameter) {
        parameters = [weight]
        average = Tensor.zeros(like: weight.tensor.detached())
    }

    func updateStatistics(_ statistics: BlockStatistics) {
        // Each source of the estimation holds the gradients of each use of the weight.
        var mean = Tensor.zeros(like: average)
        for source in statistics.gradients {
            for (use, gradient) in zip(statistics.uses, source) {
                mean = mean + (gradient * use.input).squared().sum(0) / statistics.normalizer
            }
        }
        weight = statistics.decay * weight + statistics.normalizer
        average = average + (mean - average) * (statistics.normalizer / weight)
    }

    func curvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try DiagonalOperator(average).damped(by: damping)
    }

    func restartStatistics() { (average, weight) = (Tensor.zeros(like: average), 0) }

    func save(to snapshot: inout Snapshot) {
        snapshot.set("average", average)
        snapshot.set("weight", weight)
    }

    func restore(from reader: SnapshotReader) {
        reader.tensor("average", like: average) { self.average = $0 }
        reader.number("weight") { self.weight = $0 }
    }

    func vector(from tensors: [Tensor]) -> Tensor { tensors[0].expanded(at: 1) }

    func tensors(from vector: Tensor) -> [Tensor] { [vector.flattened()] }
}

// Channels of very different size, each with a weight to be found: gradient descent would need a rate for each.
var generator = RandomGenerator(seed: 1)
let sizes = Tensor([0.01, 1, 100] as [Float])
let x = generator.normal([256, 3]) * sizes
let y = x * Tensor([3, -2, 1] as [Float]) / sizes
let weight = NamedParameter("gate", Tensor.zeros([3]).requiringGradient())

let optimizer = KFACOptimizer(
    [weight], configuration: .init(rule: .quadraticModel(), damping: 1e-9),
    blockMakers: ["gate": { weight, _, _ in GateBlock(weight) }])
for _ in 0..<5 {
    let report = try optimizer.step { Loss(Normal(mean: gate(x, by: weight.tensor)), targets: y) }
    print("step \(report.step): loss \(report.loss)")
}
let found = (weight.tensor.detached() * sizes).array(of: Float.self)
print("weights times sizes: \(found), expected 3, -2, 1")

// The tests run this program and look at its status.
exit(zip(found, [3, -2, 1]).allSatisfy { abs($0 - $1) < 0.01 } ? 0 : 1)
