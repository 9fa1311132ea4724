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

    /// A whole step by moments in the eigenbasis, with one draw of sampled targets.
    ///
    /// Beside the gradient: the sampled targets' pass and the second moments, as in
    /// ``naturalGradient(inversePeriod:statisticsFraction:quadraticFraction:)``; the eigenvectors of both factors every
    /// few steps; and the gradient and the direction between both bases, twice what inverses take.
    ///
    /// - Parameters:
    ///   - basisPeriod: The number of steps between bases.
    ///   - statisticsFraction: The share of the batch that statistics are of, in the mean step.
    public func eigenbasisMoments(basisPeriod: Int, statisticsFraction: Double = 1) -> Work {
        gradient + statisticsFraction * (sum(first: 0, others: 1) + sum(\.statistics))
            + 1 / Double(basisPeriod) * sum(\.eigenbases) + 2 * sum(\.rotation)
    }

    /// So many passes through the first layer and through each of the others.
    private func sum(first: Double, others: Double) -> Work {
        layers.enumerated().reduce(Work()) { $0 + ($1.offset == 0 ? first : others) * $1.element.pass }
    }

    private func sum(_ part: (LayerWork) -> Work) -> Work {
        layers.reduce(Work()) { $0 + part($1) }
    }
}

/// The sizes that a layer's work depends on: with m outputs and n inputs to each, for all R locations of a batch.
struct LayerWork {
    /// m.
    let outputs: Int
    /// n, the patch of a convolution, without the bias.
    let inputs: Int
    let hasBias: Bool
    /// R: examples, times locations.
    let rows: Int
    /// The number of elements that the layer reads.
    let inputCount: Int
    /// The second moment of the inputs.
    let inputMoment: Work

    /// Takes the sizes of a use; nil for what is neither a linear layer nor a convolution of one group.
    init?(_ use: LayerUse) {
        let input = use.input.shape
        let weight = use.weight.shape
        switch use.operation {
        case .linear:
            outputs = weight[0]
            inputs = weight[1]
            rows = use.input.count / weight[1]
            inputMoment = .symmetricProduct(dimension: inputs, rows: rows)
        case .transposedLinear:
            outputs = weight[1]
            inputs = weight[0]
            rows = use.input.count / weight[0]
            inputMoment = .symmetricProduct(dimension: inputs, rows: rows)
        case .convolution(let geometry) where geometry.groups == 1 && !geometry.isTransposed:
            outputs = weight[0]
            inputs = weight.dropFirst().reduce(1, *)
            rows = use.preActivation.count / weight[0]
            inputMoment = .patchMoment(input: input, geometry: geometry)
        default: return nil
        }
        inputCount = use.input.count
        hasBias = use.bias != nil
    }

    /// n and the bias's coordinate.
    private var coordinates: Int { inputs + (hasBias ? 1 : 0) }

    /// One pass forward, or the gradient of the inputs, or that of the weights: 2 R m n flops each; what goes in, what
    /// comes out and the weights are read or written once.
    var pass: Work {
        Work(
            flops: 2 * Double(rows) * Double(outputs) * Double(inputs),
            bytes: 4 * (Double(inputCount) + Double(rows) * Double(outputs) + Double(outputs) * Double(inputs)))
    }

    /// The second moments of inputs and output gradients.
    var statistics: Work { inputMoment + .symmetricProduct(dimension: outputs, rows: rows) }

    /// The inverses of both factors.
    var inverses: Work { .inverse(dimension: coordinates) + .inverse(dimension: outputs) }

    /// The eigenvectors of both factors.
    var eigenbases: Work { .eigenbasis(dimension: coordinates) + .eigenbasis(dimension: outputs) }

    /// A gradient in the coordinates of both bases, or back.
    var rotation: Work { .preconditioning(outputs: outputs, inputs: coordinates) }

    /// The inverses applied to the gradient, which has at most the rank of its rows.
    var preconditioning: Work { .preconditioning(outputs: outputs, inputs: coordinates, rows: rows) }
}
