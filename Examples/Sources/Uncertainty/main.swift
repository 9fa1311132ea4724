import Foundation
import KFAC
import Torch
import TorchNN

// How sure is a network of what it predicts? With curvature F of the mean loss of N examples and a prior precision δ,
// the Laplace approximation takes the parameters for normal, with the precision N F + δ I: the inverse gives the
// variance of a prediction, and the determinant the evidence for δ.

// A curve that is known from -2 to 2 only, with noise of standard deviation 0.1.
var generator = RandomGenerator(seed: 1)
let count = 128.0
let x = generator.uniform([128, 1], in: -2..<2, dtype: .float64)
let y = (x * 2).sin() + generator.normal([128, 1], dtype: .float64) * 0.1
let model = MultilayerPerceptron([1, 16, 1], dtype: .float64, using: &generator)
let loss = { Loss(Normal(mean: model(x), variance: 0.01), targets: y) }

let optimizer = KFACOptimizer(
    model.namedParameters,
    configuration: .init(rule: .quadraticModel(), damping: .adaptive(LevenbergMarquardt(initial: 1))))
for _ in 0..<200 { try optimizer.step(loss) }

// Exact expectations over the targets, and a damping that is added to the curvature itself.
let curvature = ModelCurvature(
    of: model.namedParameters,
    configuration: .init(estimation: .exact, factors: FactorSettings(dampingSplit: .exact)))
let mean = try curvature.update(loss).scalar

// The logarithm of the evidence for δ, up to a constant: −N loss − ½ (δ ‖θ‖² + log det(N F + δ I) − P log δ).
let logEvidence = { (precision: Double) throws -> Double in
    let matrix = try curvature.matrix(damping: precision / count)
    let size = Double(matrix.dimension)
    let squares = model.parameters.reduce(0) { $0 + $1.detached().squared().sum().scalar }
    let logDeterminant = try matrix.logDeterminant() + size * log(count)
    return -count * mean - (precision * squares + logDeterminant - size * log(precision)) / 2
}

let precisions = [1e-3, 1e-2, 0.1, 1, 10, 100]
let precision = try precisions.max { try logEvidence($0) < logEvidence($1) }!
for candidate in precisions { print("prior precision \(candidate): log evidence \(try logEvidence(candidate))") }

// The standard deviation of the prediction at a point: √(jᵀ (N F + δ I)⁻¹ j) with j its gradient.
let inverse = try curvature.inverse(damping: precision / count)
let deviation = { (point: Double) -> Double in
    let output = model(Tensor([point], shape: [1, 1]))
    let gradient = gradients(of: output, withRespectTo: curvature.parameters.map(\.tensor))
    return (inverse.quadraticForm(gradient) / count).squareRoot()
}

for point in [-4.0, -2, 0, 2, 4] {
    print("x = \(point): \(model(Tensor([point], shape: [1, 1])).scalar) ± \(deviation(point))")
}

// The tests run this program and look at its status: far from the data, the network must be less sure.
exit(mean < 1 && [-4, 4].allSatisfy { deviation($0) > 3 * deviation(0) } ? 0 : 1)
