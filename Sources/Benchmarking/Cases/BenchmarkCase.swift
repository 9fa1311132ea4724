public import Torch

/// Something whose time is measured.
public enum BenchmarkCase: Sendable, Hashable {
    /// The second moment of a convolution's patches, with a bias, for an image [batch, channels, height, width].
    case inputFactor(InputKernel, [Int])
    /// The second moment of a convolution's output gradients [batch, channels, height, width].
    case outputFactor([Int])
    /// The second moment of a dense layer's inputs or output gradients, [rows, features].
    case denseFactor(rows: Int, features: Int)
    /// A product of matrices [rows, depth] and [depth, columns], compared with the linked library's.
    case product(rows: Int, depth: Int, columns: Int)
    /// The inverse of a damped factor.
    case inverse(dimension: Int)
    /// The inverses of both factors applied to a gradient [outputs, inputs].
    case preconditioning(outputs: Int, inputs: Int)
    /// Whole training steps.
    case step(BenchmarkNetwork, batchSize: Int)

    /// How the kernel of an input factor moves, called as the family of such cases is.
    public enum InputKernel: String, Sendable, Hashable, CaseIterable {
        /// 3×3, and the output as large as the input.
        case same = "input-factor"
        /// 3×3 at every second pixel.
        case strided = "input-factor-strided"
        /// 5×5, and the output as large as the input.
        case large = "input-factor-5x5"

        /// How the kernel moves.
        public var geometry: ConvolutionGeometry {
            switch self {
            case .same: ConvolutionGeometry(kernel: [3, 3], padding: [1])
            case .strided: ConvolutionGeometry(kernel: [3, 3], stride: [2], padding: [1])
            case .large: ConvolutionGeometry(kernel: [5, 5], padding: [2])
            }
        }
    }

    /// The cases that `kfac bench` times by default.
    public static let standard: [BenchmarkCase] =
        [
            [256, 32, 28, 28], [64, 256, 14, 14], [32, 512, 7, 7], [256, 64, 28, 28], [128, 16, 32, 32],
            [256, 1, 28, 28],
        ].map { .inputFactor(.same, $0) }
        + [
            .inputFactor(.strided, [128, 64, 16, 16]), .inputFactor(.large, [128, 64, 14, 14]),
            .outputFactor([256, 64, 28, 28]), .outputFactor([64, 256, 14, 14]), .outputFactor([32, 512, 7, 7]),
            .denseFactor(rows: 1000, features: 1000), .denseFactor(rows: 1000, features: 784),
            .denseFactor(rows: 128, features: 4096),
            .product(rows: 1024, depth: 1024, columns: 1024), .product(rows: 1153, depth: 1153, columns: 1153),
            .product(rows: 1000, depth: 785, columns: 1000),
        ] + [577, 1153, 2305, 4609].map { .inverse(dimension: $0) }
        + [
            .preconditioning(outputs: 512, inputs: 4609), .preconditioning(outputs: 64, inputs: 577),
            .preconditioning(outputs: 1000, inputs: 1001),
        ]
        + [
            BenchmarkNetwork.convNet, .moments(of: .convNet), .resNet(depth: 20), .moments(of: .resNet(depth: 20)),
            .resNet18, .vggSmall, .perceptron, .autoencoder, .autoencoderFractions,
        ].map { .step($0, batchSize: $0.batchSize) }
}
