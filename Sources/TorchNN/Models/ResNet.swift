public import Torch

/// A residual network for small images such as CIFAR's.
///
/// [batch, channels, height, width] becomes logits [batch, classes]. A convolution, three stages of basic blocks with
/// 16, 32 and 64 channels (each later stage on a quarter of the pixels), global average pooling, a linear layer. With
/// depth 20, the three channels of colour images and 10 classes it has 269,722 parameters (with
/// ``Shortcut/projection``, 272,474).
///
/// He et al., "Deep residual learning for image recognition", 2015, section 4.2.
public final class ResNet: Module {
    /// How a block that changes the shape passes its input on.
    public enum Shortcut: String, Sendable, Hashable, CaseIterable {
        /// Every second pixel and channels of zeros, without parameters: the paper's option A.
        case padding
        /// A 1×1 convolution with batch normalisation: the paper's option B.
        case projection
    }

    /// The first convolution.
    public let convolution: Convolution2D
    /// What normalises it.
    public let normalization: BatchNormalization
    /// Three stages of (depth − 2) / 6 blocks.
    public let stages: [[ResidualBlock]]
    /// The linear layer.
    public let classifier: Linear

    /// Creates a network.
    ///
    /// - Parameters:
    ///   - depth: The number of layers with weights, shortcuts not counted: 6n + 2, such as 20, 32, 44, 56 or 110.
    ///   - channels: The channels of the images.
    ///   - classes: The number of classes.
    ///   - shortcut: How a block that changes the shape passes its input on.
    public init(
        depth: Int = 20, channels: Int = 3, classes: Int = 10, shortcut: Shortcut = .padding, dtype: DType = .float32,
        device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        guard depth >= 8, (depth - 2).isMultiple(of: 6) else {
            fatalError("ResNet: the depth \(depth) is not 6n + 2 with n of at least 1")
        }
        convolution = Convolution2D(
            channels, 16, kernel: 3, padding: 1, weight: .kaimingNormal(), bias: nil, dtype: dtype, device: device,
            using: &generator)
        normalization = BatchNormalization(16, dtype: dtype, device: device)
        var stages: [[ResidualBlock]] = []
        var inputs = 16
        for outputs in [16, 32, 64] {
            var blocks: [ResidualBlock] = []
            for _ in 0..<(depth - 2) / 6 {
                blocks.append(
                    ResidualBlock(
                        inputs, outputs, stride: inputs == outputs ? 1 : 2, shortcut: shortcut, dtype: dtype,
                        device: device, using: &generator))
                inputs = outputs
            }
            stages.append(blocks)
        }
        self.stages = stages
        classifier = Linear(64, classes, dtype: dtype, device: device, using: &generator)
    }

    /// Computes the logits.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        let features = stages.joined().reduce(normalization(convolution(input)).relu()) { $1($0) }
        return classifier(features.mean(2, 3))
    }
}
