import Foundation
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The exact Fisher matrix, entry by entry, from per-example gradients: what every approximation is measured against.
///
/// Nothing of the library but its operations and their derivatives is used: the scores are enumerated here.
enum DenseFisher {
    /// The Fisher matrix of some parameters: the mean over examples of E[∇log p ∇log pᵀ], y drawn from the model.
    ///
    /// - Parameters:
    ///   - loss: The loss of a batch, in the graph of the parameters.
    ///   - parameters: A weight and, where there is one, its bias.
    ///   - vector: Puts gradients into one vector; by default [weight | bias] in row-major order, as the vectors of a
    ///     ``KroneckerBlock``.
    static func block(
        of loss: Loss, _ parameters: [Tensor], vector: ([Tensor]) -> Tensor = { matrix($0).flattened() }
    ) -> Tensor {
        let outputs = loss.distributionOfOneTerm.parameters[0]
        let (batch, width) = (loss.batchSize, loss.distributionOfOneTerm.parameters[0].count / loss.batchSize)
        let values = outputs.array(of: Double.self)
        var rows: [Tensor] = []
        for example in 0..<batch {
            let own = example * width..<(example + 1) * width
            for score in scores(of: loss.distributionOfOneTerm, at: Array(values[own])) {
                var weights = [Double](repeating: 0, count: values.count)
                weights.replaceSubrange(own, with: score)
                let gradient = gradients(
                    of: [outputs], weightedBy: [Tensor(weights, shape: outputs.shape)], withRespectTo: parameters,
                    keepingGraph: true)
                rows.append(vector(gradient).flattened())
            }
        }
        return secondMoment(Tensor.stack(rows)) / Double(batch)
    }

    /// The empirical Fisher matrix: as ``block(of:_:)``, with the gradient of −log p of the data's targets.
    static func empiricalBlock(of loss: Loss, _ parameters: [Tensor]) -> Tensor {
        let rows = (0..<loss.batchSize).map { example in
            matrix(gradients(of: loss.perExample[example], withRespectTo: parameters, keepingGraph: true)).flattened()
        }
        return secondMoment(Tensor.stack(rows)) / Double(loss.batchSize)
    }

    /// The vectors whose outer products sum to one example's Fisher matrix with respect to the outputs.
    ///
    /// For each outcome of each independent variable: √p times the gradient of −log p; for a normal variable, whose
    /// outcomes cannot be listed, the root of the variance of that gradient.
    static func scores(of distribution: any PredictiveDistribution, at outputs: [Double]) -> [[Double]] {
        func vector(_ entries: [(index: Int, value: Double)]) -> [Double] {
            var vector = [Double](repeating: 0, count: outputs.count)
            for entry in entries { vector[entry.index] = entry.value }
            return vector
        }
        switch distribution {
        case let normal as Normal:
            return outputs.indices.map { vector([($0, 1 / normal.variance.squareRoot())]) }
        case is Bernoulli:
            return outputs.indices.flatMap { index in
                let p = 1 / (1 + exp(-outputs[index]))
                return [vector([(index, p.squareRoot() * (p - 1))]), vector([(index, (1 - p).squareRoot() * p)])]
            }
        case let categorical as Categorical:
            let classes = categorical.logits.shape.last!
            return stride(from: 0, to: outputs.count, by: classes).flatMap { start in
                let p = softmax(Array(outputs[start..<start + classes]))
                return p.indices.map { label in
                    vector(p.indices.map { (start + $0, p[label].squareRoot() * (p[$0] - ($0 == label ? 1 : 0))) })
                }
            }
        default:
            fatalError("DenseFisher: the scores of \(distribution) are not known")
        }
    }

    /// The probabilities of classes, in plain Swift.
    static func softmax(_ logits: [Double]) -> [Double] {
        let top = logits.max()!
        let exponentials = logits.map { exp($0 - top) }
        let sum = exponentials.reduce(0, +)
        return exponentials.map { $0 / sum }
    }

    /// [weight | bias], [outputs, inputs (+ 1)].
    static func matrix(_ gradients: [Tensor]) -> Tensor {
        let weight = gradients[0].flattened(from: 1)
        return gradients.count == 1 ? weight : .concatenate([weight, gradients[1].reshaped([-1, 1])], axis: 1)
    }
}

/// Σ x xᵀ over the rows of a matrix.
func secondMoment(_ rows: Tensor) -> Tensor { rows.transposed().matmul(rows) }

/// The mean over rows of x xᵀ, each x ended by a 1 where there is a bias; axes but the last are all rows.
func meanSecondMoment(_ x: Tensor, hasBias: Bool = false) -> Tensor {
    var rows = x.reshaped([-1, x.shape.last!])
    if hasBias { rows = .concatenate([rows, Tensor.ones([rows.shape[0], 1], dtype: x.dtype)], axis: 1) }
    return secondMoment(rows) / Double(rows.shape[0])
}

/// The Kronecker product of two matrices.
func kronecker(_ a: Tensor, _ b: Tensor) -> Tensor {
    Tensor.einsum("ij,kl->ikjl", a, b).reshaped([a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]])
}

extension Loss {
    /// The only distribution of the losses that are used here.
    var distributionOfOneTerm: any PredictiveDistribution { terms[0].distribution }
}
