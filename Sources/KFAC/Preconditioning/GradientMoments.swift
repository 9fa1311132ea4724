import Curvature
import Optimization
import Torch

/// The moments of a block's gradients, in the eigenbasis that is in use.
struct GradientMoments {
    /// The sum of the gradients' coordinates with decaying weights, [dimension, 1].
    var mean: Tensor
    /// That of their squares.
    var square: Tensor
    /// The sum of the weights in the mean: 1 − β₁ᵗ as long as β₁ stays the same.
    var meanWeight = 0.0
    /// The sum of the weights of the squares.
    var squareWeight = 0.0

    /// The moments of no gradient.
    ///
    /// - Parameter like: Coordinates of a gradient.
    init(like: Tensor) {
        mean = Tensor.zeros(like: like)
        square = Tensor.zeros(like: like)
    }

    /// Takes in one more gradient, and gives the direction in its coordinates.
    mutating func direction(after gradient: Tensor, _ rule: EigenbasisMoments) -> Tensor {
        let direction = advance(by: gradient, rule).step
        guard rule.cautious else { return direction }
        let agrees = (direction * gradient .> 0).to(direction.dtype)
        return direction * agrees / agrees.mean().clamped(atLeast: 0.05)
    }

    /// Takes in one more gradient, and gives the mean that steps go by, up to a factor, and Adam's step with it.
    mutating func advance(by gradient: Tensor, _ rule: EigenbasisMoments) -> (mean: Tensor, step: Tensor) {
        let (beta1, beta2) = (rule.beta1, rule.beta2)
        let newMean = mean * beta1
        newMean.add(inPlace: gradient, scale: 1 - beta1)
        let newSquare = square * beta2
        newSquare.add(inPlaceProductOf: gradient, gradient, scale: 1 - beta2)
        (mean, square) = (newMean, newSquare)
        meanWeight = beta1 * meanWeight + 1 - beta1
        squareWeight = beta2 * squareWeight + 1 - beta2

        var ahead = mean
        var weight = meanWeight
        if rule.nesterov {
            ahead = mean * beta1
            ahead.add(inPlace: gradient, scale: 1 - beta1)
            weight = beta1 * meanWeight + 1 - beta1
        }
        // Both corrections go into numbers: √(v / c) + ε is (√v + ε √c) / √c.
        let root = square.squareRoot()
        root.add(inPlace: rule.epsilon * squareWeight.squareRoot())
        let direction = ahead / root
        direction.multiply(inPlace: squareWeight.squareRoot() / weight)
        return (ahead, direction)
    }

    /// The same moments in another basis: the mean exactly, the squares as far as they determine it.
    func turned(from old: any EigenbasisOperator, to new: any EigenbasisOperator) -> GradientMoments {
        var turned = self
        turned.mean = new.coordinates(of: old.vectors(at: mean))
        turned.square = new.squares(square, fromAny: old)
        return turned
    }
}

extension GradientMoments {
    func save(to snapshot: inout Snapshot) {
        snapshot.set("mean", mean)
        snapshot.set("square", square)
        snapshot.set("meanWeight", meanWeight)
        snapshot.set("squareWeight", squareWeight)
    }

    /// Reads what ``save(to:)`` stored; nil, and a fault, where it does not fit the block.
    init?(from reader: SnapshotReader, block: any CurvatureBlock) {
        let parameter = block.parameters[0].tensor
        let count = block.parameters.reduce(0) { $0 + $1.tensor.count }
        self.init(
            from: reader, like: Tensor.zeros([count, 1], dtype: parameter.dtype, device: parameter.device))
    }

    /// Reads what ``save(to:)`` stored of gradients of a shape; nil, and a fault, where it does not fit.
    init?(from reader: SnapshotReader, like gradient: Tensor) {
        self.init(like: gradient)
        for name in ["square", "meanWeight", "squareWeight"] { reader.requireSquares(name) }
        guard let mean = reader.tensor("mean", like: mean), let square = reader.tensor("square", like: square),
            let meanWeight = reader.number("meanWeight"), let squareWeight = reader.number("squareWeight")
        else { return nil }
        (self.mean, self.square) = (mean, square)
        (self.meanWeight, self.squareWeight) = (meanWeight, squareWeight)
    }
}
