public import Torch

/// The basic block of a residual network: two 3×3 convolutions with batch normalisation, beside a shortcut.
///
/// [batch, inputs, height, width] becomes [batch, outputs, height / stride, width / stride].
public final class ResidualBlock: Module {
    /// Inputs to outputs, with the stride.
    public let convolution1: Convolution2D
    /// The normalisation of the first convolution.
    public let normalization1: BatchNormalization
    /// Outputs to outputs.
    public let convolution2: Convolution2D
    /// The normalisation of the second convolution.
    public let normalization2: BatchNormalization
    /// The path that is added to the second convolution.
    public let shortcut: any Module

    /// Creates a block; where the shape stays, the shortcut is the input itself.
    public init(
        _ inputs: Int, _ outputs: Int, stride: Int = 1, shortcut: ResNet.Shortcut = .padding, dtype: DType = .float32,
        device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        convolution1 = Convolution2D(
            inputs, outputs, kernel: 3, stride: stride, padding: 1, weight: .kaimingNormal(), bias: nil, dtype: dtype,
            device: device, using: &generator)
        normalization1 = BatchNormalization(outputs, dtype: dtype, device: device)
        convolution2 = Convolution2D(
            outputs, outputs, kernel: 3, padding: 1, weight: .kaimingNormal(), bias: nil, dtype: dtype, device: device,
            using: &generator)
        normalization2 = BatchNormalization(outputs, dtype: dtype, device: device)
        switch shortcut {
        case _ where inputs == outputs && stride == 1:
            self.shortcut = Identity()
        case .padding:
            self.shortcut = StridedPadding(inputs, outputs, stride: stride)
        case .projection:
            self.shortcut = Sequential(
                Convolution2D(
                    inputs, outputs, kernel: 1, stride: stride, weight: .kaimingNormal(), bias: nil, dtype: dtype,
                    device: device, using: &generator),
                BatchNormalization(outputs, dtype: dtype, device: device))
        }
    }

    /// Applies the block.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        let inner = normalization1(convolution1(input)).relu()
        return (normalization2(convolution2(inner)) + shortcut(input)).relu()
    }
}
