public import Torch

/// The greatest element of each window.
///
/// [batch, channels, height, width] becomes [batch, channels, (height + 2 · padding − window) / stride + 1, …].
public final class MaxPooling2D: Module {
    private let window: PoolingWindow

    /// Creates a layer with square windows.
    ///
    /// - Parameter stride: The steps between windows; the window's extent by default.
    public init(_ window: Int, stride: Int? = nil, padding: Int = 0) {
        self.window = PoolingWindow(window, stride: stride, padding: padding)
    }

    /// Applies the layer.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        maxPooling2D(input, window: window.extents, stride: window.stride, padding: window.padding)
    }
}

/// The mean of each window, zeros of the border counted.
///
/// [batch, channels, height, width] becomes [batch, channels, (height + 2 · padding − window) / stride + 1, …].
public final class AveragePooling2D: Module {
    private let window: PoolingWindow

    /// Creates a layer with square windows.
    ///
    /// - Parameter stride: The steps between windows; the window's extent by default.
    public init(_ window: Int, stride: Int? = nil, padding: Int = 0) {
        self.window = PoolingWindow(window, stride: stride, padding: padding)
    }

    /// Applies the layer.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        averagePooling2D(input, window: window.extents, stride: window.stride, padding: window.padding)
    }
}

/// The mean of each channel over all spatial axes.
///
/// [batch, channels, spatial...] becomes [batch, channels].
public final class GlobalAveragePooling: Module {
    /// Creates a layer.
    public init() {}

    /// Applies the layer.
    public func callAsFunction(_ input: Tensor) -> Tensor { globalAveragePooling(input) }
}

/// A square window that moves over an image.
private struct PoolingWindow {
    let extents: [Int]
    let stride: [Int]
    let padding: [Int]

    init(_ window: Int, stride: Int?, padding: Int) {
        extents = [window, window]
        self.stride = [stride ?? window, stride ?? window]
        self.padding = [padding, padding]
    }
}
