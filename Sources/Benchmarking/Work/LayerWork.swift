import Torch

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

    /// The inverses applied to the gradient, which has at most the rank of its rows.
    var preconditioning: Work { .preconditioning(outputs: outputs, inputs: coordinates, rows: rows) }
}
