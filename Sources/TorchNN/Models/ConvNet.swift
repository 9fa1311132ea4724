public import Torch

/// A plain convolutional network: 3×3 convolutions, each with a rectifier and 2×2 maximum pooling, and a linear layer.
///
/// [batch, channels, height, width] becomes logits [batch, classes]. With the default settings, for images of 28×28
/// pixels: 1-32-64-128 channels on 28×28, 14×14 and 7×7 pixels, then 1152-10.
public final class ConvNet: Module {
    /// The convolutions, in order.
    public let convolutions: [Convolution2D]
    /// The linear layer.
    public let classifier: Linear

    /// Creates a network.
    ///
    /// - Parameters:
    ///   - channels: The numbers of channels: of the images and after each convolution.
    ///   - imageSize: The height and width of the images.
    ///   - classes: The number of classes.
    ///   - weight: How the weights begin.
    ///   - bias: How the biases begin.
    public init(
        channels: [Int] = [1, 32, 64, 128], imageSize: Int = 28, classes: Int = 10, weight: Initializer = .standard,
        bias: Initializer = .standard, dtype: DType = .float32, device: Device = .cpu,
        using generator: inout RandomGenerator
    ) {
        // Each pooling halves the image and drops an odd last row and column.
        let side = imageSize >> (channels.count - 1)
        guard channels.count >= 2, side > 0, Tensor.elementCount([channels.last!, side, side, classes]) != nil else {
            fatalError(
                "ConvNet: images of \(imageSize) pixels cannot be halved after each of the channels \(channels), or are more than "
                    + "memory can hold with \(classes) classes")
        }
        var convolutions: [Convolution2D] = []
        for (inputs, outputs) in zip(channels, channels.dropFirst()) {
            convolutions.append(
                Convolution2D(
                    inputs, outputs, kernel: 3, padding: 1, weight: weight, bias: bias, dtype: dtype, device: device,
                    using: &generator))
        }
        self.convolutions = convolutions
        classifier = Linear(
            channels[channels.count - 1] * side * side, classes, weight: weight, bias: bias, dtype: dtype,
            device: device, using: &generator)
    }

    /// Computes the logits.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        let features = convolutions.reduce(input) { maxPooling2D($1($0), window: [2, 2], rectified: true) }
        return classifier(features.flattened(from: 1))
    }
}
