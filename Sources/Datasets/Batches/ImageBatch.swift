public import Torch

/// Images for one step, ready for a network.
public struct ImageBatch: Sendable {
    /// The normalised images, float32 [count, channels, height, width].
    public let images: Tensor
    /// The classes, int64 [count].
    public let labels: Tensor

    /// Puts as many images and labels together.
    public init(images: Tensor, labels: Tensor) {
        guard labels.rank == 1, images.shape.first == labels.count else {
            fatalError(
                "ImageBatch: images of shape \(images.shape) and labels of shape \(labels.shape) are not as many")
        }
        self.images = images
        self.labels = labels
    }

    /// The number of images.
    public var count: Int { labels.count }

    /// The images of a range: views, or the batch itself if the range is all of it.
    public func part(_ range: Range<Int>) -> ImageBatch {
        range == 0..<count ? self : ImageBatch(images: images[range], labels: labels[range])
    }
}

extension ImageDataset {
    /// The images at the given positions, normalised.
    ///
    /// They are gathered as they are stored, and only they are converted.
    ///
    /// - Parameter indices: Positions of type int64, [batch], on any device.
    public func batch(at indices: Tensor, normalization: Normalization = Normalization()) -> ImageBatch {
        let indices = indices.to(images.device)
        return ImageBatch(images: normalization(images.gathered(indices)), labels: labels.gathered(indices))
    }

    /// The images of a range, normalised.
    public func batch(_ range: Range<Int>, normalization: Normalization = Normalization()) -> ImageBatch {
        ImageBatch(images: normalization(images[range]), labels: labels[range])
    }
}
