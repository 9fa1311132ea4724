import TestSupport
import Torch

/// The gradient of each example by automatic differentiation, one example at a time: [batch, parameters].
///
/// - Parameters:
///   - uses: Inputs of the layer and the gradients of the loss with respect to its outputs, [batch, ...] each.
///   - layer: Applies the layer to an input, with the parameters.
func exampleGradients(
    uses: [(input: Tensor, outputGradient: Tensor)], parameters: [Tensor], layer: (Tensor, [Tensor]) -> Tensor
) -> Tensor {
    let leaves = parameters.map { $0.detached().requiringGradient() }
    return Tensor.stack(
        (0..<uses[0].input.shape[0]).map { example in
            let losses = uses.map { use in
                (layer(use.input[example...example], leaves) * use.outputGradient[example...example]).sum()
            }
            let loss = losses.dropFirst().reduce(losses[0], +)
            return Tensor.concatenate(gradients(of: loss, withRespectTo: leaves).map { $0.flattened() })
        })
}

/// A convolution of any kind, drawn from a seed: over 1 to 3 axes, with groups, transposed or not.
struct RandomConvolution {
    let geometry: ConvolutionGeometry
    let inputs: Int
    let outputs: Int
    let input: Tensor
    let weight: Tensor
    let bias: Tensor

    init(seed: Int, isTransposed: Bool? = nil, channelsAreGroups: Bool = false) {
        var random = SplitMix(state: UInt64(seed) &* 7919)
        let rank = Int.random(in: 1...3, using: &random)
        let kernel = (0..<rank).map { _ in Int.random(in: 1...3, using: &random) }
        let stride = kernel.map { _ in Int.random(in: 1...2, using: &random) }
        let transposed = isTransposed ?? Bool.random(using: &random)
        let groups = Int.random(in: 1...3, using: &random)
        geometry = ConvolutionGeometry(
            kernel: kernel, stride: stride, padding: kernel.map { Int.random(in: 0...($0 / 2), using: &random) },
            dilation: kernel.map { _ in Int.random(in: 1...2, using: &random) }, groups: groups,
            isTransposed: transposed,
            outputPadding: stride.map { transposed ? Int.random(in: 0..<$0, using: &random) : 0 })
        inputs = groups * (channelsAreGroups ? 1 : Int.random(in: 1...2, using: &random))
        outputs = groups * Int.random(in: 1...2, using: &random)
        let spatial = kernel.map { _ in Int.random(in: 5...6, using: &random) }
        input = randomTensor([Int.random(in: 1...3, using: &random), inputs] + spatial, seed: UInt64(seed))
        let channels = transposed ? [inputs, outputs / groups] : [outputs, inputs / groups]
        weight = randomTensor(channels + kernel, seed: UInt64(seed) + 1)
        bias = randomTensor([outputs], seed: UInt64(seed) + 2)
    }

    var batchSize: Int { input.shape[0] }

    /// The outputs, whose shape gradients have.
    func callAsFunction(_ input: Tensor, _ parameters: [Tensor]) -> Tensor {
        convolution(
            input, weight: parameters[0], bias: parameters.count > 1 ? parameters[1] : nil, geometry: geometry)
    }

    /// Random gradients with respect to the outputs.
    func outputGradient(seed: UInt64) -> Tensor {
        randomTensor(callAsFunction(input, [weight]).shape, seed: seed)
    }
}
