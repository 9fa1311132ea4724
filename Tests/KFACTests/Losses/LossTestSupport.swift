import KFAC
import TestSupport
import Testing
import Torch

/// Waiting times of which the network predicts the logarithm of the mean: the example of ``PredictiveDistribution``.
struct Exponential: PredictiveDistribution {
    let logMean: Tensor

    var parameters: [Tensor] { [logMean] }
    var hasNaturalParameters: Bool { false }

    func negativeLogLikelihood(of targets: Tensor) -> Tensor {
        negativeLogLikelihoodPerPosition(of: targets).sum(1)
    }

    func negativeLogLikelihoodPerPosition(of targets: Tensor) -> Tensor {
        logMean + targets * (-logMean).exp()
    }

    func sample(using generator: inout RandomGenerator) -> Tensor {
        let uniform = generator.uniform(logMean.shape, dtype: logMean.dtype)
        return -(1 - uniform).log() * logMean.detached().exp()
    }

    var fisherRank: Int { logMean.shape[1] }
    func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { vectors }
    func fisherFactorProduct(_ vector: Tensor) -> [Tensor] { [vector] }
    func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor { vectors[0] }

    var hessianRank: Int? { logMean.shape[1] }
    func hessianProduct(_ vectors: [Tensor], targets: Tensor) -> [Tensor] {
        [targets * (-logMean.detached()).exp() * vectors[0]]
    }
    func hessianFactorProduct(_ vector: Tensor, targets: Tensor) -> [Tensor] {
        [(targets * (-logMean.detached()).exp()).squareRoot() * vector]
    }
    func hessianFactorTransposedProduct(_ vectors: [Tensor], targets: Tensor) -> Tensor {
        (targets * (-logMean.detached()).exp()).squareRoot() * vectors[0]
    }
}

/// Each kind of distribution, on four outputs of a network.
enum DistributionCase: CaseIterable, Sendable {
    case categorical, categoricalSequence, bernoulli, normal, normalMeanVariance, exponential

    /// Those whose Gauss–Newton matrix has a factor.
    static let convex = allCases.filter { $0 != .normalMeanVariance }

    /// The distribution for outputs [batch, 4].
    func make(_ z: Tensor) -> any PredictiveDistribution {
        switch self {
        case .categorical: Categorical(logits: z)
        case .categoricalSequence: Categorical(logits: z.reshaped([-1, 2, 2]))
        case .bernoulli: Bernoulli(logits: z)
        case .normal: Normal(mean: z, variance: 0.3)
        case .normalMeanVariance:
            NormalMeanVariance(mean: z[.all, 0..<2], variance: z[.all, 2...].softplus() + 0.2)
        case .exponential: Exponential(logMean: z)
        }
    }

    /// Targets that are as likely as others.
    func targets(batch: Int, seed: UInt64 = 7) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        return switch self {
        case .categorical: generator.integers([batch], in: 0..<4)
        case .categoricalSequence: generator.integers([batch, 2], in: 0..<2)
        case .bernoulli: generator.integers([batch, 4], in: 0..<2)
        case .normal: generator.normal([batch, 4], dtype: .float64)
        case .normalMeanVariance: generator.normal([batch, 2], dtype: .float64)
        case .exponential: generator.uniform([batch, 4], in: 0.1..<3, dtype: .float64)
        }
    }

    /// Targets with probabilities [batch] whose weighted sums are expectations: all that exist where they are finitely
    /// many, otherwise the nodes of a Gauss quadrature that is exact for products of two gradients.
    func outcomes(_ distribution: any PredictiveDistribution) -> [(targets: Tensor, probability: Tensor)] {
        var combinations: [(values: [Tensor], probability: Tensor)] = [
            ([], Tensor.ones([distribution.batchSize], dtype: .float64))
        ]
        for choices in positionOutcomes(distribution) {
            combinations = combinations.flatMap { combination in
                choices.map { (combination.values + [$0.value], combination.probability * $0.probability) }
            }
        }
        return combinations.map { values, probability in
            (self == .categorical ? values[0] : Tensor.stack(values, axis: 1), probability)
        }
    }

    /// For each independent position the targets [batch] and their probabilities [batch].
    private func positionOutcomes(
        _ distribution: any PredictiveDistribution
    ) -> [[(value: Tensor, probability: Tensor)]] {
        let batch = distribution.batchSize
        func everywhere(_ value: Double) -> Tensor { Tensor.full([batch], value, dtype: .float64) }
        func classes(_ p: Tensor) -> [(value: Tensor, probability: Tensor)] {
            (0..<p.shape[1]).map { (everywhere(Double($0)).to(.int64), p[.all, $0]) }
        }
        /// The three-point Gauss–Hermite rule, exact up to the fifth power.
        func hermite(_ mean: Tensor, _ variance: Tensor) -> [(value: Tensor, probability: Tensor)] {
            let distance = (variance * 3).squareRoot()
            return [
                (mean, everywhere(2 / 3.0)), (mean + distance, everywhere(1 / 6.0)),
                (mean - distance, everywhere(1 / 6.0)),
            ]
        }
        let z = distribution.parameters.map { $0.detached() }
        switch self {
        case .categorical: return [classes(z[0].softmax())]
        case .categoricalSequence: return (0..<2).map { classes(z[0].softmax()[.all, $0]) }
        case .bernoulli:
            let p = z[0].sigmoid()
            return (0..<4).map { [(everywhere(0), 1 - p[.all, $0]), (everywhere(1), p[.all, $0])] }
        case .normal: return (0..<4).map { hermite(z[0][.all, $0], everywhere(0.3)) }
        case .normalMeanVariance: return (0..<2).map { hermite(z[0][.all, $0], z[1][.all, $0]) }
        case .exponential:
            // The two-point Gauss–Laguerre rule, exact up to the third power.
            return (0..<4).map { output in
                let mean = z[0][.all, output].exp()
                let root = 2.0.squareRoot()
                return [
                    (mean * (2 - root), everywhere((2 + root) / 4)), (mean * (2 + root), everywhere((2 - root) / 4)),
                ]
            }
        }
    }
}

/// Matrices that are formed entry by entry, [batch, n, n] for each example or [n, n].
enum Dense {
    /// v vᵀ of each example, for v [batch, ...].
    static func outerProduct(_ v: Tensor) -> Tensor {
        let v = v.flattened(from: 1)
        return v.expanded(at: 2).matmul(v.expanded(at: 1))
    }

    /// The matrix that maps a list of tensors of the given shapes, the first axis being the batch, example by example.
    static func perExample(_ shapes: [[Int]], _ apply: ([Tensor]) -> [Tensor]) -> Tensor {
        let sizes = shapes.map { $0.dropFirst().reduce(1, *) }
        let columns = sizes.indices.flatMap { which in
            (0..<sizes[which]).map { coordinate in
                let units = zip(shapes, sizes).map { Tensor.zeros([$0[0], $1], dtype: .float64) }
                units[which][.all, coordinate].fill(1)
                let images = apply(zip(units, shapes).map { $0.reshaped($1) })
                return Tensor.concatenate(images.map { $0.flattened(from: 1) }, axis: 1)
            }
        }
        return Tensor.stack(columns, axis: 2)
    }

    /// The matrix [outputs, inputs] that maps lists of tensors of the given shapes.
    static func matrix(_ shapes: [[Int]], _ apply: ([Tensor]) -> [Tensor]) -> Tensor {
        let total = shapes.map { $0.reduce(1, *) }.reduce(0, +)
        let columns = (0..<total).map { coordinate in
            let unit = Tensor.zeros([total], dtype: .float64)
            unit[coordinate].fill(1)
            return vector(apply(split(unit, shapes)))
        }
        return Tensor.stack(columns, axis: 1)
    }

    /// All entries in a row.
    static func vector(_ tensors: [Tensor]) -> Tensor { Tensor.concatenate(tensors.map { $0.flattened() }) }

    /// The opposite of `vector`.
    static func split(_ vector: Tensor, _ shapes: [[Int]]) -> [Tensor] {
        var start = 0
        return shapes.map { shape in
            let count = shape.reduce(1, *)
            defer { start += count }
            return vector[start..<start + count].reshaped(shape)
        }
    }

    /// The derivatives of each example's outputs with respect to its inputs, row by row: [batch, outputs, inputs].
    static func jacobian(of outputs: [Tensor], withRespectTo input: Tensor) -> Tensor {
        let all = Tensor.concatenate(outputs.map { $0.flattened(from: 1) }, axis: 1)
        let rows = (0..<all.shape[1]).map {
            gradients(of: all[.all, $0].sum(), withRespectTo: [input], keepingGraph: true)[0].flattened(from: 1)
        }
        return Tensor.stack(rows, axis: 1)
    }

    /// The derivatives of all outputs of all examples with respect to shared parameters, row by row.
    static func jacobian(of outputs: [Tensor], withRespectTo parameters: [Tensor]) -> Tensor {
        let all = vector(outputs)
        let rows = (0..<all.count).map {
            vector(gradients(of: all[$0], withRespectTo: parameters, keepingGraph: true))
        }
        return Tensor.stack(rows)
    }

    /// Examples' matrices [batch, n, n] as the blocks of one, for vectors that list tensors of the given shapes.
    static func blockDiagonal(_ blocks: Tensor) -> Tensor {
        let (batch, size) = (blocks.shape[0], blocks.shape[1])
        let result = Tensor.zeros([batch * size, batch * size], dtype: .float64)
        for n in 0..<batch {
            result[n * size..<(n + 1) * size, n * size..<(n + 1) * size] = blocks[n]
        }
        return result
    }
}

/// y = tanh(x W + b) V on five examples.
struct SmallNetwork {
    let input = randomTensor([5, 3], seed: 11)
    let parameters: [Tensor]

    init(outputs: Int = 4) {
        parameters = [
            randomTensor([3, 4], seed: 12).requiringGradient(), randomTensor([4], seed: 13).requiringGradient(),
            randomTensor([4, outputs], seed: 14).requiringGradient(),
        ]
    }

    var output: Tensor { output(parameters) }

    func output(_ parameters: [Tensor]) -> Tensor {
        (input.matmul(parameters[0]) + parameters[1]).tanh().matmul(parameters[2])
    }

    var shapes: [[Int]] { parameters.map(\.shape) }

    /// Vectors in the shapes of the parameters.
    func vector(seed: UInt64) -> [Tensor] {
        shapes.enumerated().map { randomTensor($0.element, seed: seed + UInt64($0.offset)) }
    }
}
