import Foundation
import KFAC
import Torch
import TorchNN

// Two moons: points on two interleaved half circles, to be told apart.
var generator = RandomGenerator(seed: 1)
let angles = generator.uniform([512, 1], in: 0..<Double.pi)
let labels = Tensor.range(0..<512).to(.float32) .< 256
let side = (labels.to(.float32) * 2 - 1).expanded(at: 1)
let points =
    Tensor.concatenate([angles.cos() + side * 0.5, side * angles.sin() - side * 0.25], axis: 1)
    + generator.normal([512, 2], standardDeviation: 0.1)
let targets = labels.to(.int64)

let model = MultilayerPerceptron([2, 32, 2], using: &generator)
let optimizer = KFACOptimizer(
    model.namedParameters, configuration: KFACOptimizer.Configuration(learningRate: 0.3, damping: 0.01))

var losses: [Double] = []
for _ in 0..<100 {
    let report = try optimizer.step { Loss(Categorical(logits: model(points)), targets: targets) }
    losses.append(report.loss)
}
let accuracy = (model(points).argmax() .== targets).to(.float32).mean().scalar
print("loss \(losses.first!) -> \(losses.last!), accuracy \(accuracy)")

// The tests run this program and look at its status.
exit(losses.last! < 0.1 && accuracy > 0.95 ? 0 : 1)
