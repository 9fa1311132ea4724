public import Torch

// Convolutions whose kernel, stride, padding and dilation are the same on each spatial axis.

/// A convolution over one spatial axis.
///
/// [batch, inputs, length] becomes [batch, outputs, length].
public final class Convolution1D: Convolution {
    /// Creates a layer.
    ///
    /// - Parameters:
    ///   - kernel: The extent of the kernel on each axis.
    ///   - stride: The steps between positions of the kernel.
    ///   - padding: The width of the border of zeros.
    ///   - dilation: The distance between neighbouring elements of the kernel.
    ///   - groups: The number of groups of channels that do not see each other.
    ///   - weight: How the weight begins.
    ///   - bias: How the bias begins; nil for a layer without one.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
        groups: Int = 1, weight: Initializer = .standard, bias: Initializer? = .standard, dtype: DType = .float32,
        device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        let geometry = ConvolutionGeometry(
            kernel: Array(repeating: kernel, count: 1), stride: [stride], padding: [padding], dilation: [dilation],
            groups: groups)
        super.init(
            inputs, outputs, geometry: geometry, weight: weight, bias: bias, dtype: dtype, device: device,
            using: &generator)
    }
}

/// A convolution over two spatial axes.
///
/// [batch, inputs, height, width] becomes [batch, outputs, height, width].
public final class Convolution2D: Convolution {
    /// Creates a layer.
    ///
    /// - Parameters:
    ///   - kernel: The extent of the kernel on each axis.
    ///   - stride: The steps between positions of the kernel.
    ///   - padding: The width of the border of zeros.
    ///   - dilation: The distance between neighbouring elements of the kernel.
    ///   - groups: The number of groups of channels that do not see each other.
    ///   - weight: How the weight begins.
    ///   - bias: How the bias begins; nil for a layer without one.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
        groups: Int = 1, weight: Initializer = .standard, bias: Initializer? = .standard, dtype: DType = .float32,
        device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        let geometry = ConvolutionGeometry(
            kernel: Array(repeating: kernel, count: 2), stride: [stride], padding: [padding], dilation: [dilation],
            groups: groups)
        super.init(
            inputs, outputs, geometry: geometry, weight: weight, bias: bias, dtype: dtype, device: device,
            using: &generator)
    }
}

/// A convolution over three spatial axes.
///
/// [batch, inputs, depth, height, width] becomes [batch, outputs, depth, height, width].
public final class Convolution3D: Convolution {
    /// Creates a layer.
    ///
    /// - Parameters:
    ///   - kernel: The extent of the kernel on each axis.
    ///   - stride: The steps between positions of the kernel.
    ///   - padding: The width of the border of zeros.
    ///   - dilation: The distance between neighbouring elements of the kernel.
    ///   - groups: The number of groups of channels that do not see each other.
    ///   - weight: How the weight begins.
    ///   - bias: How the bias begins; nil for a layer without one.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
        groups: Int = 1, weight: Initializer = .standard, bias: Initializer? = .standard, dtype: DType = .float32,
        device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        let geometry = ConvolutionGeometry(
            kernel: Array(repeating: kernel, count: 3), stride: [stride], padding: [padding], dilation: [dilation],
            groups: groups)
        super.init(
            inputs, outputs, geometry: geometry, weight: weight, bias: bias, dtype: dtype, device: device,
            using: &generator)
    }
}

/// The adjoint of a convolution over two spatial axes: a way to enlarge images.
///
/// [batch, inputs, height, width] becomes [batch, outputs, (height − 1) · stride − 2 · padding + kernel +
/// outputPadding, …].
public final class TransposedConvolution2D: Convolution {
    /// Creates a layer.
    ///
    /// - Parameters:
    ///   - kernel: The extent of the kernel on each axis.
    ///   - stride: The distance of neighbouring inputs in the output.
    ///   - padding: The width of the border that is cut off the output.
    ///   - outputPadding: Extra width at the end of the output.
    ///   - weight: How the weight begins.
    ///   - bias: How the bias begins; nil for a layer without one.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
        weight: Initializer = .standard, bias: Initializer? = .standard, dtype: DType = .float32,
        device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        let geometry = ConvolutionGeometry(
            kernel: [kernel, kernel], stride: [stride], padding: [padding], isTransposed: true,
            outputPadding: [outputPadding])
        super.init(
            inputs, outputs, geometry: geometry, weight: weight, bias: bias, dtype: dtype, device: device,
            using: &generator)
    }
}
