public import Torch

/// Random crops and mirror images, so that a network sees an image differently each time.
///
/// Each image is surrounded by black pixels, and a window of its size is cut out anywhere (He et al. 2015, section
/// 4.2); half of the images are mirrored.
public struct Augmentation: Sendable, Hashable, Codable {
    /// The number of black pixels on each side.
    public var padding: Int
    /// Whether half of the images are mirrored.
    public var mirrors: Bool

    /// Creates an augmentation; the default is the usual one for CIFAR-10.
    public init(padding: Int = 4, mirrors: Bool = true) {
        guard padding >= 0 else { fatalError("Augmentation: a padding of \(padding) pixels") }
        self.padding = padding
        self.mirrors = mirrors
    }

    /// Augments images, [count, channels, height, width], of any type.
    ///
    /// - Parameter generator: Draws the windows, on the CPU.
    public func callAsFunction(_ images: Tensor, using generator: inout RandomGenerator) -> Tensor {
        let shape = images.shape
        // From 1 << 30 on, the products below could overflow; no memory is that large.
        guard images.rank == 4, (0..<1 << 30).contains(padding) else {
            fatalError(
                "Augmentation: images of shape \(shape) and a padding of \(padding) pixels; [count, channels, height, width] and "
                    + "a padding from 0 on that memory can hold are needed")
        }
        guard images.count > 0 else { return images }
        let (count, channels, height, width) = (shape[0], shape[1], shape[2], shape[3])
        let border = (before: padding, after: padding)
        let padded = images.padded([border, border])
        let corners = generator.integers([2, count, 1], in: 0..<2 * padding + 1)
        let isMirrored = generator.integers([count, 1], in: 0..<2) .== 1

        // The position, in its padded channel, of each pixel of the window.
        let rows = corners[0] + Tensor.range(0..<height)
        let forward = Tensor.range(0..<width).expanded(at: 0)
        let inWindow = mirrors ? Tensor.select(isMirrored, Double(width - 1) - forward, forward) : forward
        let columns = corners[1] + inWindow
        let positions = rows.expanded(at: 2) * Double(width + 2 * padding) + columns.expanded(at: 1)
        let places = positions.reshaped([count, 1, -1]).broadcast(to: [count, channels, height * width])
        return padded.flattened(from: 2).elements(at: places.to(images.device), along: 2).reshaped(shape)
    }
}
