import TestSupport
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Losses with derivatives of the network in them: residuals of differential equations, and penalties of gradients.
enum DerivativeCase: CaseIterable, Sendable {
    /// Of u = tanh(w x): u′, u and u′, u″.
    case slope, valueAndSlope, secondDerivative
    /// Of u = w x, whose slope is w itself: u′, u and u′.
    case slopeOfALine, valueAndSlopeOfALine
    /// Of networks with biases: u, ∇u and Δu in the plane; inputs of sequences.
    case laplacian, sequence
    /// Penalties of ∂z/∂x beside classes.
    case convolutionPenalty, densePenalty, scalePenalty
    /// With respect to rows of an embedding, whose table is the last layer, too.
    case embedding
    /// The slope, and a weight that is a constant besides.
    case constantBeside

    /// Whether a part that depends on the parameters is taken as constant, which differences are not.
    var hasConstants: Bool { self == .constantBeside }

    var parameters: [Tensor] {
        switch self {
        case .slope, .valueAndSlope, .secondDerivative, .slopeOfALine, .valueAndSlopeOfALine:
            [Tensor([1.0], shape: [1, 1]).requiringGradient()]
        case .laplacian:
            [[4, 2], [4], [3, 4], [3], [1, 3], [1]].enumerated().map { parameter($1, seed: UInt64($0)) }
        case .sequence: [[4, 2], [4], [2, 4], [2]].enumerated().map { parameter($1, seed: UInt64($0)) }
        case .convolutionPenalty:
            [[3, 2, 2, 2], [3], [3, 3, 2, 2], [3]].enumerated().map { parameter($1, seed: UInt64($0)) }
        case .densePenalty: [[4, 3], [4], [3, 4], [3]].enumerated().map { parameter($1, seed: UInt64($0)) }
        case .scalePenalty: [[3], [3], [3, 3]].enumerated().map { parameter($1, seed: UInt64($0)) }
        case .embedding: [[5, 3], [3, 3], [3]].enumerated().map { parameter($1, seed: UInt64($0)) }
        case .constantBeside: [[3, 2], [1, 3]].enumerated().map { parameter($1, seed: UInt64($0)) }
        }
    }

    func loss(_ p: [Tensor]) -> Loss {
        switch self {
        case .slope, .slopeOfALine:
            let (_, slope) = valueAndSlope(p)
            return normal(slope)
        case .valueAndSlope, .valueAndSlopeOfALine:
            let (value, slope) = valueAndSlope(p)
            return normal(value) + 0.7 * normal(slope)
        case .secondDerivative:
            let x = Tensor([1.0], shape: [1, 1]).requiringGradient()
            let first = derivative(linear(x, weight: p[0]).tanh(), x)
            return normal(derivative(first, x))
        case .laplacian:
            let x = randomTensor([5, 2], seed: 50).requiringGradient()
            let first = linear(x, weight: p[0], bias: p[1]).tanh()
            let u = linear(linear(first, weight: p[2], bias: p[3]).tanh(), weight: p[4], bias: p[5])
            let gradient = derivative(u, x)
            let second = (0..<2).map { derivative(gradient[.all, $0], x)[.all, $0] }
            return normal(u) + 0.3 * normal(gradient) + 0.1 * normal((second[0] + second[1]).expanded(at: 1))
        case .sequence:
            let x = randomTensor([3, 4, 2], seed: 50).requiringGradient()
            let u = linear(linear(x, weight: p[0], bias: p[1]).tanh(), weight: p[2], bias: p[3])
            return normal(derivative(u.squared(), x))
        case .convolutionPenalty:
            let x = randomTensor([3, 2, 4, 4], seed: 50).requiringGradient()
            let hidden = convolution(x, weight: p[0], bias: p[1]).tanh()
            let z = convolution(hidden, weight: p[2], bias: p[3]).tanh().mean(2, 3)
            return Loss(Categorical(logits: z), targets: Tensor([0, 2, 1])) + 0.2 * normal(derivative(z.squared(), x))
        case .densePenalty:
            let x = randomTensor([3, 3], seed: 50).requiringGradient()
            let z = linear(linear(x, weight: p[0], bias: p[1]).tanh(), weight: p[2], bias: p[3])
            return Loss(Categorical(logits: z), targets: Tensor([0, 2, 1])) + 0.2 * normal(derivative(z.squared(), x))
        case .scalePenalty:
            let x = randomTensor([4, 3], seed: 50).requiringGradient()
            let z = linear(scaleAndShift(x, scale: p[0], shift: p[1]).tanh(), weight: p[2])
            return normal(z) + 0.2 * normal(derivative(z.squared(), x))
        case .embedding:
            let rows = Torch.embedding(Tensor([1, 4, 1, 0]), weight: p[0])
            let z = linear(linear(rows, weight: p[1], bias: p[2]).tanh(), weight: p[0])
            return normal(z) + 0.2 * normal(derivative(z.squared(), rows))
        case .constantBeside:
            let x = randomTensor([3, 2], seed: 50).requiringGradient()
            let hidden = linear(x, weight: p[0])
            let constant = withoutGradients { linear(hidden.sigmoid(), weight: p[1]) }
            return normal(derivative(linear(hidden.tanh(), weight: p[1]) * constant, x))
        }
    }

    private func valueAndSlope(_ p: [Tensor]) -> (Tensor, Tensor) {
        let isLine = self == .slopeOfALine || self == .valueAndSlopeOfALine
        let x = Tensor([1.0], shape: [1, 1]).requiringGradient()
        let line = linear(x, weight: p[0])
        let value = isLine ? line : line.tanh()
        return (value, derivative(value, x))
    }

    private func derivative(_ u: Tensor, _ x: Tensor) -> Tensor {
        gradients(of: u.sum(), withRespectTo: [x], keepingGraph: true, differentiable: true)[0]
    }

    private func normal(_ mean: Tensor) -> Loss {
        Loss(Normal(mean: mean, variance: 0.6), targets: Tensor.full(like: mean.detached(), 0.3))
    }
}
