import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Steps that a quadratic model of the objective finds.
@Suite struct QuadraticModelTests {
    /// A linear layer with a normal likelihood: its objective is its quadratic model.
    struct LinearGaussian {
        let layer = TestLayer([2, 3], seed: 1)
        let x = randomTensor([20, 3], seed: 2)
        let targets = randomTensor([20, 2], seed: 3)

        func loss(_ range: Range<Int> = 0..<20) -> Loss {
            Loss(Normal(mean: layer(x[range]), variance: 0.3), targets: targets[range])
        }

        func optimizer(_ configuration: KFACOptimizer.Configuration) -> KFACOptimizer {
            KFACOptimizer(layer.named("layer"), configuration: configuration)
        }
    }

    /// The least squares' solution in one undamped step: the model finds the rate 1 and predicts the loss to the ratio
    /// 1.
    @Test func linearGaussianInOneStep() throws {
        let problem = LinearGaussian()
        let optimizer = problem.optimizer(
            .init(
                rule: .quadraticModel(), damping: .adaptive(.init(initial: 1e-22, interval: 1, minimum: 1e-30)),
                estimation: .exact))
        let report = try optimizer.step { problem.loss() }
        expectClose(Tensor(report.learningRate), Tensor(1.0), relative: 1e-8)
        expectClose(Tensor(try #require(report.reductionRatio)), Tensor(1.0), relative: 1e-8)
        let after = problem.loss().mean
        expectClose(Tensor(try #require(report.actualChange)), Tensor(after.scalar - report.loss), relative: 1e-10)
        for gradient in gradients(of: after, withRespectTo: problem.layer.parameters) {
            #expect(gradient.abs().max().scalar < 1e-8)
        }
    }

    /// With an L2 term, the step lands where the gradient of the sum is zero, and the damping of the preconditioner,
    /// which then holds the term, makes the step the exact one only together with the model's other terms.
    @Test(arguments: [0.02, 0.5]) func ridgeRegression(weight: Double) throws {
        let problem = LinearGaussian()
        let optimizer = problem.optimizer(
            .init(
                rule: .quadraticModel(), damping: .adaptive(.init(initial: 1e-12, interval: 1, minimum: 1e-12)),
                estimation: .exact, regularization: .init(l2: weight), factors: .init(dampingSplit: .exact)))
        let report = try optimizer.step { problem.loss() }
        expectClose(Tensor(report.learningRate), Tensor(1.0), relative: 1e-6)
        expectClose(Tensor(try #require(report.reductionRatio)), Tensor(1.0), relative: 1e-6)
        let parameters = problem.layer.parameters
        for (gradient, parameter) in zip(gradients(of: problem.loss().mean, withRespectTo: parameters), parameters) {
            expectClose(gradient, parameter.detached() * -weight, relative: 1e-6, absolute: 1e-8)
        }
    }

    /// No other coefficients of the direction and the last step give the model a lesser value, and the model is the
    /// dense matrix's.
    @Test(arguments: [CurvatureMatrix.fisher, .ggn]) func isTheMinimum(matrix: CurvatureMatrix) throws {
        let network = TestNetwork([3, 4, 3], seed: 5) { $0.tanh() }
        let x = randomTensor([10, 3], seed: 6)
        let targets = Tensor([0, 1, 2, 1, 0, 2, 1, 1, 0, 2])
        func loss() -> Loss { Loss(Categorical(logits: network(x)), targets: targets) }
        let (damping, l2) = (0.3, 0.05)
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: .quadraticModel(.init(matrix: matrix)), damping: .constant(damping), estimation: .exact,
                regularization: .init(l2: l2)))
        let tensors = network.parameters.map(\.tensor)
        func flat(_ tensors: [Tensor]) -> Tensor { Tensor.concatenate(tensors.map { $0.detached().flattened() }) }
        for step in 0..<3 {
            let theta = flat(tensors)
            let last = flat(optimizer.velocities)
            let gradient = flat(gradients(of: loss().mean, withRespectTo: tensors)) + theta * l2
            // A network that stays as it is before the step.
            let frozen = TestNetwork(layers: network.layers.map { TestLayer(weight: $0.weight, bias: $0.bias) }) {
                $0.tanh()
            }
            let products = CurvatureProducts(
                Loss(Categorical(logits: frozen(x)), targets: targets), parameters: frozen.parameters.map(\.tensor),
                reduction: .mean)
            func value(_ s: Tensor) -> Double {
                var start = 0
                let parts = tensors.map { tensor in
                    defer { start += tensor.count }
                    return s[start..<(start + tensor.count)].reshaped(tensor.shape)
                }
                let product = flat(products.product(of: .fisher, with: parts)) + s * (l2 + damping)
                return gradient.dot(s).scalar + s.dot(product).scalar / 2
            }
            let model = { (s: Tensor) in withoutGradients { value(s) } }
            let report = try optimizer.step { loss() }
            let s = flat(tensors) - theta
            let direction = (flat(optimizer.velocities) - last * report.momentum) * (-1 / report.learningRate)
            let least = model(s)
            for (rate, momentum) in [(1e-3, 0.0), (-1e-3, 0), (0, 1e-3), (0, -1e-3), (0.1, -0.1)] {
                #expect(model(s + direction * rate + last * momentum) >= least - 1e-12)
            }
            expectClose(
                Tensor(try #require(report.predictedChange)), Tensor(least - damping / 2 * s.dot(s).scalar),
                relative: 1e-9)
            #expect(least < 0)
            if step > 0 { #expect(report.momentum != 0) }
        }
    }

    @Test func minimizers() {
        // Two directions: (2 1; 1 3) x = −(−1, 2).
        let model = QuadraticModel(
            curvature: [[1.5, 1], [1, 2.5]], products: [[1, 0], [0, 1]], slopes: [-1, 2], damping: 0.5)
        #expect(model.minimizer().map { ($0 * 1e12).rounded() / 1e12 } == [1, -1])
        #expect(model.minimizer(fixing: [0.5]) == 0.25)
        #expect(model.value(at: [1, -1]) == -1.5)
        #expect(model.value(at: [1, -1], includingDamping: false) == -2)
        // A last step of zero, and one along the direction, add nothing.
        var none = QuadraticModel(
            curvature: [[2, 0], [0, 0]], products: [[1, 0], [0, 0]], slopes: [-4, 0], damping: 0)
        #expect(none.minimizer() == [2, 0])
        none = QuadraticModel(
            curvature: [[2, 4], [4, 8]], products: [[1, 2], [2, 4]], slopes: [-4, -8], damping: 0)
        #expect(none.minimizer() == [2, 0])
        // Directions that nearly agree: as far as single precision tells them apart, and no further. Their first
        // entries are all of the curvature, their second ones differ by the angle.
        for (angle, counts) in [(1e-3, true), (2e-5, true), (5e-6, false)] {
            let near = QuadraticModel(
                curvature: [[1, 1], [1, 1 + angle * angle]], products: [[1, 1], [1, 1 + angle * angle]],
                slopes: [-1, -1 - angle], damping: 0)
            let x = near.minimizer()
            if counts {
                expectClose(Tensor(x), Tensor([1 - 1 / angle, 1 / angle]), relative: 1e-5)
            } else {
                #expect(x == [1, 0])
            }
        }
        // A matrix that is not positive-definite has no minimum, whatever its determinant.
        none = QuadraticModel(
            curvature: [[-2, 0], [0, -3]], products: [[1, 0], [0, 1]], slopes: [1, 1], damping: 0)
        #expect(none.minimizer() == [0, 0])
        // No curvature, no step.
        none = QuadraticModel(curvature: [[0]], products: [[0]], slopes: [0], damping: 1)
        #expect(none.minimizer() == [0])
    }

    /// A rescaled step is that share of the minimising one, and is what the report predicts.
    @Test func rescaling() throws {
        func change(_ rescaling: Schedule) throws -> (Tensor, StepReport) {
            let problem = LinearGaussian()
            let before = problem.layer.weight.detached().copy()
            let optimizer = problem.optimizer(
                .init(
                    rule: .quadraticModel(.init(rescaling: rescaling)), damping: .adaptive(.init(interval: 1)),
                    estimation: .exact))
            let report = try optimizer.step { problem.loss() }
            return (problem.layer.weight.detached() - before, report)
        }
        let (whole, report) = try change(1)
        let (part, partReport) = try change(0.25)
        expectClose(part, whole * 0.25, relative: 1e-12)
        expectClose(Tensor(partReport.learningRate), Tensor(report.learningRate / 4), relative: 1e-12)
        // The objective is quadratic.
        expectClose(Tensor(try #require(partReport.reductionRatio)), Tensor(1.0), relative: 1e-9)
    }

    /// The model of a share of the batch is that of the first examples; parts of the batch make the whole.
    @Test func sharesAndParts() throws {
        func run(_ step: (KFACOptimizer, LinearGaussian) throws -> StepReport, fraction: Double) throws -> StepReport {
            let problem = LinearGaussian()
            let optimizer = problem.optimizer(
                .init(
                    rule: .quadraticModel(.init(fraction: fraction)),
                    damping: .adaptive(.init(initial: 0.1, interval: 1)),
                    estimation: .exact))
            return try step(optimizer, problem)
        }
        let whole = try run({ optimizer, problem in try optimizer.step { problem.loss() } }, fraction: 0.3)
        let ranged = try run({ try $0.step(examples: 20, $1.loss) }, fraction: 1)
        let parts = try run({ try $0.step(examples: 20, inPartsOf: 7, $1.loss) }, fraction: 1)
        var ranges: [Range<Int>] = []
        let share = try run(
            { optimizer, problem in
                try optimizer.step(examples: 20) {
                    ranges.append($0)
                    return problem.loss($0)
                }
            }, fraction: 0.3)
        #expect(ranges == [0..<20, 0..<6, 0..<20])
        for other in [ranged, parts] {
            expectClose(Tensor(other.learningRate), Tensor(whole.learningRate), relative: 1e-10)
            expectClose(
                Tensor(try #require(other.predictedChange)), Tensor(try #require(whole.predictedChange)),
                relative: 1e-10)
            expectClose(
                Tensor(try #require(other.actualChange)), Tensor(try #require(whole.actualChange)), relative: 1e-9)
        }
        #expect(abs(share.learningRate - whole.learningRate) > 1e-3)
    }
}
