import TestSupport
import Testing
import Torch

@Suite("Gradients of layer functions")
struct LayerGradientTests {
    static let layers: [GradientCase] = [
        GradientCase("linear", [2, 3], [4, 3], [4]) { linear($0[0], weight: $0[1], bias: $0[2]) },
        GradientCase("linear without bias", [2, 3], [4, 3]) { linear($0[0], weight: $0[1]) },
        GradientCase("linear with more axes", [2, 2, 3], [2, 3], [2]) {
            linear($0[0], weight: $0[1], bias: $0[2])
        },
        GradientCase("linear of a vector", [3], [2, 3], [2]) { linear($0[0], weight: $0[1], bias: $0[2]) },
        GradientCase("linear of a view", [3, 2], [3, 2]) {
            linear($0[0].transposed(), weight: $0[1].transposed())
        },
        GradientCase("embedding, one row twice", [4, 2]) {
            embedding(Tensor([3, 1, 3, 0], shape: [2, 2]), weight: $0[0]).exp()
        },
        GradientCase("scaleAndShift of the last axis", [2, 3], [3], [3]) {
            scaleAndShift($0[0], scale: $0[1], shift: $0[2])
        },
        GradientCase("scaleAndShift of channels", [2, 3, 2], [3], [3]) {
            scaleAndShift($0[0], scale: $0[1], shift: $0[2], axes: [1])
        },
        GradientCase("scaleAndShift of two axes", [2, 3, 2], [2, 2]) {
            scaleAndShift($0[0], scale: $0[1], axes: [0, 2])
        },
        GradientCase("batchNormalization in training", [4, 2]) { batchNormalization($0[0], training: true) },
        GradientCase("batchNormalization of images", [2, 2, 2, 2]) { batchNormalization($0[0], training: true) },
        GradientCase("batchNormalization by running statistics", [3, 2]) {
            batchNormalization(
                $0[0].exp(), runningMean: Tensor([0.5, -0.5]), runningVariance: Tensor([2.0, 0.5]), training: false)
        },
        GradientCase("layerNormalization", [3, 4]) { layerNormalization($0[0], over: [4]) },
        GradientCase("layerNormalization of two axes", [2, 2, 3]) { layerNormalization($0[0], over: [2, 3]) },
        GradientCase("maxPooling2D", [1, 2, 4, 4]) { maxPooling2D($0[0], window: [2, 2]).exp() },
        GradientCase("maxPooling2D, overlapping and padded", [1, 1, 5, 4]) {
            maxPooling2D($0[0], window: [3, 2], stride: [2, 1], padding: [1, 0]).exp()
        },
        GradientCase("averagePooling2D", [1, 2, 4, 4]) { averagePooling2D($0[0], window: [2, 2]).exp() },
        GradientCase("averagePooling2D, overlapping and padded", [1, 1, 5, 4]) {
            averagePooling2D($0[0], window: [3, 2], stride: [2, 1], padding: [1, 1]).exp()
        },
        GradientCase("patches2D", [1, 2, 4, 5]) {
            let geometry = ConvolutionGeometry(kernel: [2, 3], stride: [2, 1], padding: [1, 0], dilation: [1, 2])
            return patches2D($0[0], geometry: geometry).exp()
        },
    ]

    @Test(arguments: layers) func checkLayers(_ item: GradientCase) { item.check() }

    /// A case with the given shapes of input and weight, and a bias.
    private static func convolutionCase(
        _ name: String, _ input: [Int], _ weight: [Int], stride: [Int] = [1], padding: [Int] = [0],
        dilation: [Int] = [1], groups: Int = 1, isTransposed: Bool = false, outputPadding: [Int] = [0]
    ) -> GradientCase {
        let geometry = ConvolutionGeometry(
            kernel: Array(weight.dropFirst(2)), stride: stride, padding: padding, dilation: dilation, groups: groups,
            isTransposed: isTransposed, outputPadding: outputPadding)
        let outputs = isTransposed ? weight[1] * groups : weight[0]
        return GradientCase(name, input, weight, [outputs]) {
            convolution($0[0], weight: $0[1], bias: $0[2], geometry: geometry)
        }
    }

    static let convolutions: [GradientCase] = [
        convolutionCase("1-D", [2, 2, 5], [3, 2, 3]),
        convolutionCase("1-D, spread", [1, 2, 7], [2, 2, 3], stride: [2], padding: [2], dilation: [2]),
        convolutionCase("1-D, depthwise", [1, 3, 5], [3, 1, 2], groups: 3),
        convolutionCase("1-D, transposed", [1, 2, 4], [2, 3, 3], stride: [2], isTransposed: true, outputPadding: [1]),
        convolutionCase("2-D", [2, 1, 4, 3], [2, 1, 2, 2]),
        convolutionCase("2-D, 3x3, padded", [1, 2, 3, 3], [2, 2, 3, 3], padding: [1]),
        convolutionCase("2-D, all", [1, 1, 6, 5], [2, 1, 3, 2], stride: [2, 1], padding: [1, 2], dilation: [1, 2]),
        convolutionCase("2-D, groups", [1, 4, 3, 3], [2, 2, 2, 2], groups: 2),
        convolutionCase("2-D, 1x1", [2, 2, 2, 2], [3, 2, 1, 1]),
        convolutionCase("2-D, transposed", [1, 2, 2, 3], [2, 1, 3, 2], stride: [2], padding: [1], isTransposed: true),
        convolutionCase("2-D, transposed, groups", [1, 2, 2, 2], [2, 2, 2, 2], groups: 2, isTransposed: true),
        convolutionCase("3-D", [1, 1, 3, 3, 3], [2, 1, 2, 2, 2]),
        convolutionCase("3-D, stride, padding", [1, 2, 3, 2, 3], [1, 2, 2, 1, 2], stride: [2], padding: [1, 0, 1]),
        convolutionCase("3-D, transposed", [1, 1, 2, 2, 2], [1, 2, 2, 2, 2], stride: [2, 1, 1], isTransposed: true),
    ]

    @Test(arguments: convolutions) func checkConvolutions(_ item: GradientCase) { item.check() }

    @Test func convolutionOfAView() {
        let inputs = [randomTensor([4, 3, 2, 1]), randomTensor([2, 2, 2, 2], seed: 2)]
        expectGradientsMatch(at: inputs, secondOrder: true) {
            convolution($0[0].permuted(3, 2, 1, 0), weight: $0[1].transposed(), padding: [1])
        }
    }
}
