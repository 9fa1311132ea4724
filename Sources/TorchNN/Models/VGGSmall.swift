public import Torch

/// A plain deep network for small images: pairs of 3×3 convolutions with a rectifier each, 2×2 maximum pooling after
/// each pair, and a linear layer.
///
/// [batch, channels, height, width] becomes logits [batch, classes]. Three pairs of convolutions with 64, 128 and 256
/// channels; for images of 28×28 pixels with one channel it has 1,167,306 parameters.
///
/// After Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014, in whose
/// notation its layers are 64-64-M-128-128-M-256-256-M.
public final class VGGSmall: Module {
    /// The convolutions, in order: two before each pooling.
    public let convolutions: [Convolution2D]
    /// The linear layer.
    public let classifier: Linear

    /// Creates a network.
    ///
    /// - Parameters:
    ///   - channels: The channels of the images.
    ///   - imageSize: The height and width of the images, at least 8.
    ///   - classes: The number of classes.
    ///   - weight: How the weights begin.
    ///   - bias: How the biases begin.
    public init(
        channels: Int = 1, imageSize: Int = 28, classes: Int = 10, weight: Initializer = .kaimingNormal(),
        bias: Initializer = .zeros, dtype: DType = .float32, device: Device = .cpu,
        using generator: inout RandomGenerator
    ) {
        let outputs = [64, 64, 128, 128, 256, 256]
        // Each pooling halves the image and drops an odd last row and column.
        let side = imageSize >> 3
        guard side > 0, Tensor.elementCount([outputs[5], side, side, classes]) != nil else {
            fatalError(
                "VGGSmall: images of \(imageSize) pixels cannot be halved three times, for which at least 8 are needed, or are "
                    + "more than memory can hold with \(classes) classes")
        }
        var convolutions: [Convolution2D] = []
        for (inputs, outputs) in zip([channels] + outputs, outputs) {
            convolutions.append(
                Convolution2D(
                    inputs, outputs, kernel: 3, padding: 1, weight: weight, bias: bias, dtype: dtype, device: device,
                    using: &generator))
        }
        self.convolutions = convolutions
        classifier = Linear(
            outputs[5] * side * side, classes, weight: weight, bias: bias, dtype: dtype, device: device,
            using: &generator)
    }

    /// Computes the logits.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        var features = input
        for (number, convolution) in convolutions.enumerated() {
            features = convolution(features)
            features = number % 2 == 1 ? maxPooling2D(features, window: [2, 2], rectified: true) : features.relu()
        }
        return classifier(features.flattened(from: 1))
    }
}
