import Foundation
import KFAC
import Torch

extension BenchmarkCase {
    /// Times the case and what it is compared with, in turns.
    ///
    /// - Parameters:
    ///   - isQuick: Whether eigendecompositions of more than 4000 rows are left out.
    ///   - conditions: What the steps of networks compute in and how.
    func measurement(
        _ turns: Turns, isQuick: Bool, conditions: StepConditions = StepConditions()
    ) throws -> CaseMeasurement {
        var generator = RandomGenerator(seed: 1)
        switch self {
        case .inputFactor(let kernel, let shape):
            let images = [generator.normal(shape)]
            var measurement = try moment(.patchMoment(input: shape, geometry: kernel.geometry), turns) { settings in
                let factor = ConvInputKroneckerFactor(
                    channels: shape[1], geometry: kernel.geometry, hasBias: true, settings: settings)
                return { factor.update(inputs: images, decay: 0.95) }
            }
            measurement.reason = FormChoice(shape: shape, geometry: kernel.geometry).description
            return measurement
        case .outputFactor(let shape):
            let gradients = [generator.normal(shape)]
            let rows = shape[0] * shape[2] * shape[3]
            return try moment(.symmetricProduct(dimension: shape[1], rows: rows), turns) { settings in
                let factor = ConvOutputKroneckerFactor(channels: shape[1], settings: settings)
                return { factor.update(outputGradients: gradients, decay: 0.95) }
            }
        case .denseFactor(let rows, let features):
            let vectors = [generator.normal([rows, features])]
            return try moment(.symmetricProduct(dimension: features, rows: rows), turns) { settings in
                let factor = FullyConnectedKroneckerFactor(features: features, settings: settings)
                return { factor.update(vectors, decay: 0.95) }
            }
        case .product(let rows, let depth, let columns):
            return try product(
                generator.normal([rows, depth]), generator.normal([depth, columns]), turns)
        case .inverse(let dimension):
            return try inverse(dimension, turns, isQuick: isQuick, using: &generator)
        case .preconditioning(let outputs, let inputs):
            let inverses = KroneckerOperator(
                DenseOperator(Tensor.identity(outputs)), DenseOperator(Tensor.identity(inputs)))
            let gradient = generator.normal([outputs * inputs, 1])
            let samples = try turns.samples(of: [{ _ = inverses.apply(gradient) }])
            return CaseMeasurement(work: .preconditioning(outputs: outputs, inputs: inputs), samples: samples[0])
        case .step(let network, let batchSize):
            return try StepTurns(network, batchSize: batchSize, conditions: conditions).measurement(turns)
        }
    }

    /// Times an update of a factor in the automatic and in the plain form.
    private func moment(
        _ work: Work, _ turns: Turns, update: (FactorSettings) -> () -> Void
    ) throws -> CaseMeasurement {
        let samples = try turns.samples(
            of: [StatisticsForm.automatic, .plain].map { update(FactorSettings(statistics: $0)) })
        return CaseMeasurement(work: work, samples: samples[0], plain: samples[1])
    }

    /// Times a product by the source in use and by the linked library, and measures the errors of both.
    private func product(_ left: Tensor, _ right: Tensor, _ turns: Turns) throws -> CaseMeasurement {
        let samples = try turns.samples(of: [
            { _ = left.matmul(right) }, { MatrixProducts.library.run { _ = left.matmul(right) } },
        ])
        let exact = left.to(.float64).matmul(right.to(.float64))
        func error(_ product: Tensor) -> String {
            let difference = product.to(.float64) - exact
            return String(format: "%.1e", (difference.squared().sum() / exact.squared().sum()).scalar.squareRoot())
        }
        var measurement = CaseMeasurement(
            work: .product(rows: left.shape[0], depth: left.shape[1], columns: right.shape[1]), samples: samples[0],
            plain: samples[1])
        measurement.reason =
            "products by the \(Runtime.matrixProducts.rawValue), relative error \(error(left.matmul(right))), "
            + "the library's \(error(MatrixProducts.library.run { left.matmul(right) }))"
        return measurement
    }

    /// Times the damped inverse and the eigendecomposition of a covariance of half rank, as it is of layers with more
    /// inputs than there are examples.
    private func inverse(
        _ dimension: Int, _ turns: Turns, isQuick: Bool, using generator: inout RandomGenerator
    ) throws -> CaseMeasurement {
        let factor = FullyConnectedKroneckerFactor(features: dimension)
        factor.update([generator.normal([max(1, dimension / 2), dimension])], decay: 0.95)
        var forms: [() throws -> Void] = [{ _ = try factor.inverse(damping: 0.01) }]
        if !isQuick || dimension <= 4000 {
            forms.append {
                factor.resetEigendecomposition()
                _ = try factor.eigendecomposition()
            }
        }
        let samples = try turns.samples(of: forms)
        return CaseMeasurement(
            work: .inverse(dimension: dimension), samples: samples[0], eigh: samples.count > 1 ? samples[1] : nil)
    }
}

/// The measurements of one case in its rounds.
struct CaseMeasurement {
    /// The least that the case must do.
    var work: Work
    /// The times of the case itself, round by round.
    var samples: [Sample]
    /// Those of the plain path.
    var plain: [Sample]?
    /// Those of the eigendecomposition.
    var eigh: [Sample]?
    /// Those of an SGD step of the same network.
    var sgd: [Sample]?
    /// The seconds of each phase in the mean step, in the order in which they run.
    var phases: [(name: String, seconds: Double)] = []
    /// Which form was taken, and why.
    var reason: String?
}
