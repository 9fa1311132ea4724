public import Torch

/// Takes every few positions of the image and adds channels of zeros: a shortcut without parameters.
///
/// [batch, inputs, height, width] becomes [batch, outputs, ⌈height / stride⌉, ⌈width / stride⌉]; "option A" of He et
/// al., "Deep residual learning for image recognition", 2015.
public final class StridedPadding: Module {
    private let addedChannels: Int
    private let stride: Int

    /// Creates a shortcut.
    public init(_ inputs: Int, _ outputs: Int, stride: Int) {
        guard inputs <= outputs, stride > 0 else {
            fatalError("StridedPadding: from \(inputs) to \(outputs) channels with stride \(stride)")
        }
        addedChannels = outputs - inputs
        self.stride = stride
    }

    /// Applies the shortcut.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        // Windows of one pixel, unlike slices, have gradients in the layout of the images.
        let pixels = stride == 1 ? input : averagePooling2D(input, window: [1, 1], stride: [stride, stride])
        return pixels.padded([(0, 0), (0, 0), (0, addedChannels)])
    }
}
