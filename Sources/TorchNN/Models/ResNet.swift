public import Torch

/// A residual network for small images such as CIFAR's.
///
/// [batch, channels, height, width] becomes logits [batch, classes]. A convolution, stages of basic blocks (each later
/// stage on a quarter of the pixels), global average pooling, a linear layer.
///
/// He et al., "Deep residual learning for image recognition", 2015: the narrow networks of section 4.2 by
/// ``init(depth:channels:classes:shortcut:dtype:device:using:)``, the wide one of 18 layers by
/// ``resNet18(channels:classes:shortcut:dtype:device:using:)``.
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
    /// Its normalisation.
    public let normalization: BatchNormalization
    /// The blocks of each stage.
    public let stages: [[ResidualBlock]]
    /// The linear layer.
    public let classifier: Linear

    /// Creates a network with stages of any width and length.
    ///
    /// - Parameters:
    ///   - stages: For each stage its channels, no fewer than those of the stage before where the shortcut is
    ///     ``Shortcut/padding``, and its number of blocks. The first convolution has the channels of the first stage.
    ///   - channels: The channels of the images.
    ///   - classes: The number of classes.
    ///   - shortcut: How a block that changes the shape passes its input on.
    public init(
        stages: [(channels: Int, blocks: Int)], channels: Int = 3, classes: Int = 10, shortcut: Shortcut = .padding,
        dtype: DType = .float32, device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        guard let first = stages.first, let last = stages.last, stages.allSatisfy({ $0.channels > 0 && $0.blocks > 0 })
        else { fatalError("ResNet: the stages \(stages); at least one is needed, each of channels and blocks") }
        convolution = Convolution2D(
            channels, first.channels, kernel: 3, padding: 1, weight: .kaimingNormal(), bias: nil, dtype: dtype,
            device: device, using: &generator)
        normalization = BatchNormalization(first.channels, dtype: dtype, device: device)
        var inputs = first.channels
        var made: [[ResidualBlock]] = []
        for (number, stage) in stages.enumerated() {
            var blocks: [ResidualBlock] = []
            for block in 0..<stage.blocks {
                blocks.append(
                    ResidualBlock(
                        inputs, stage.channels, stride: number > 0 && block == 0 ? 2 : 1, shortcut: shortcut,
                        dtype: dtype, device: device, using: &generator))
                inputs = stage.channels
            }
            made.append(blocks)
        }
        self.stages = made
        classifier = Linear(last.channels, classes, dtype: dtype, device: device, using: &generator)
    }

    /// Creates a narrow network: three stages of (depth − 2) / 6 blocks with 16, 32 and 64 channels.
    ///
    /// With depth 20, the three channels of colour images and 10 classes it has 269,722 parameters (with
    /// ``Shortcut/projection``, 272,474).
    ///
    /// - Parameters:
    ///   - depth: The number of layers with weights, shortcuts not counted: 6n + 2, such as 20, 32, 44, 56 or 110.
    ///   - channels: The channels of the images.
    ///   - classes: The number of classes.
    ///   - shortcut: How a block that changes the shape passes its input on.
    public convenience init(
        depth: Int = 20, channels: Int = 3, classes: Int = 10, shortcut: Shortcut = .padding, dtype: DType = .float32,
        device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        guard depth >= 8, (depth - 2).isMultiple(of: 6) else {
            fatalError("ResNet: the depth \(depth) is not 6n + 2 with n of at least 1")
        }
        let blocks = (depth - 2) / 6
        self.init(
            stages: [16, 32, 64].map { ($0, blocks) }, channels: channels, classes: classes, shortcut: shortcut,
            dtype: dtype, device: device, using: &generator)
    }

    /// Creates the network of 18 layers for images of about 32×32 pixels: four stages of two blocks with 64, 128, 256
    /// and 512 channels.
    ///
    /// Against the original for 224×224 pixels, the first convolution is 3×3 without a stride, and no pooling follows.
    /// With the default settings it has 11,173,962 parameters.
    ///
    /// - Parameters:
    ///   - channels: The channels of the images.
    ///   - classes: The number of classes.
    ///   - shortcut: How a block that changes the shape passes its input on.
    public static func resNet18(
        channels: Int = 3, classes: Int = 10, shortcut: Shortcut = .projection, dtype: DType = .float32,
        device: Device = .cpu, using generator: inout RandomGenerator
    ) -> ResNet {
        ResNet(
            stages: [64, 128, 256, 512].map { ($0, 2) }, channels: channels, classes: classes, shortcut: shortcut,
            dtype: dtype, device: device, using: &generator)
    }

    /// Computes the logits.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        let features = stages.joined().reduce(normalization(convolution(input)).relu()) { $1($0) }
        return classifier(globalAveragePooling(features))
    }
}
