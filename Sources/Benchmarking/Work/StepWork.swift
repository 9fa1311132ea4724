public import Torch

/// The least work of training steps of a network, from its layers.
///
/// Linear layers and convolutions count; normalisations, activations and poolings, which have no matrix products, do
/// not. The first layer's input is data, whose gradient nobody needs.
public struct StepWork: Sendable {
    private let layers: [LayerWork]

    /// Takes the sizes of all layers from one pass over a batch.
    public init(_ uses: [LayerUse]) { layers = uses.compactMap(LayerWork.init) }

    /// The passes forward and backward, all that a first-order method needs: 6 R m n flops a layer, for the first one
    /// 4 R m n.
    public var gradient: Work { sum(first: 2, others: 3) }

    /// A whole step of K-FAC with one draw of sampled targets.
    ///
    /// Beside the gradient: the sampled targets' pass backward to the pre-activations (2 R m n flops, but for the first
    /// layer) and the second moments, both on a share of the batch; the inverses of both factors every few steps; the
    /// inverses applied to the gradient; and for the quadratic model the derivatives of the outputs in two directions,
    /// each 4 R m n (for the first layer 2 R m n) on a share of the batch.
    ///
    /// - Parameters:
    ///   - inversePeriod: The number of steps between inverses.
    ///   - statisticsFraction: The share of the batch that statistics are of.
    ///   - quadraticFraction: The share of the batch for the quadratic model; nil where there is none.
    public func naturalGradient(
        inversePeriod: Int, statisticsFraction: Double = 1, quadraticFraction: Double? = nil
    ) -> Work {
        var work = gradient + statisticsFraction * (sum(first: 0, others: 1) + sum(\.statistics))
        work += 1 / Double(inversePeriod) * sum(\.inverses) + sum(\.preconditioning)
        if let quadraticFraction { work += 2 * quadraticFraction * sum(first: 1, others: 2) }
        return work
    }

    /// So many passes through the first layer and through each of the others.
    private func sum(first: Double, others: Double) -> Work {
        layers.enumerated().reduce(Work()) { $0 + ($1.offset == 0 ? first : others) * $1.element.pass }
    }

    private func sum(_ part: (LayerWork) -> Work) -> Work {
        layers.reduce(Work()) { $0 + part($1) }
    }
}
