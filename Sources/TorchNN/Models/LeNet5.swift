public import Torch

/// LeNet-5, as it is built today: two convolutions with average pooling, then three linear layers.
///
/// [batch, 1, 28, 28] becomes logits [batch, classes]. Against the original (LeCun et al., "Gradient-based learning
/// applied to document recognition", 1998) the pooling has no weights, the second convolution sees all channels, and
/// the output is linear; the images' border of two pixels is the first convolution's padding.
public final class LeNet5: Module {
    /// 5×5, 1 to 6 channels.
    public let convolution1: Convolution2D
    /// 5×5, 6 to 16 channels.
    public let convolution2: Convolution2D
    /// 400 to 120.
    public let linear1: Linear
    /// 120 to 84.
    public let linear2: Linear
    /// 84 to the classes.
    public let classifier: Linear
    /// The activation after each layer but the last.
    public let activation: Activation

    /// Creates a network.
    public init(
        classes: Int = 10, activation: Activation = .tanh, dtype: DType = .float32, device: Device = .cpu,
        using generator: inout RandomGenerator
    ) {
        convolution1 = Convolution2D(1, 6, kernel: 5, padding: 2, dtype: dtype, device: device, using: &generator)
        convolution2 = Convolution2D(6, 16, kernel: 5, dtype: dtype, device: device, using: &generator)
        linear1 = Linear(400, 120, dtype: dtype, device: device, using: &generator)
        linear2 = Linear(120, 84, dtype: dtype, device: device, using: &generator)
        classifier = Linear(84, classes, dtype: dtype, device: device, using: &generator)
        self.activation = activation
    }

    /// Computes the logits.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        var features = averagePooling2D(activation(convolution1(input)), window: [2, 2])
        features = averagePooling2D(activation(convolution2(features)), window: [2, 2]).flattened(from: 1)
        return classifier(activation(linear2(activation(linear1(features)))))
    }
}
