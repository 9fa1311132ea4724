public import Torch

/// Images and the class that each belongs to.
public struct ImageDataset: Sendable {
    /// The images, [count, channels, height, width]: pixels of type uint8 from 0 to 255, or floating-point from 0 to 1.
    public let images: Tensor
    /// The classes, [count], of type int64, from 0 to below ``classes``.
    public let labels: Tensor
    /// The number of classes.
    public let classes: Int

    /// Puts images and labels together; each label must be one of the classes.
    public init(images: Tensor, labels: Tensor, classes: Int) {
        self.init(checked: images, labels, classes: classes)
        guard classes > 0 else { fatalError("ImageDataset: \(classes) classes; at least one is needed") }
        let isOutside = (labels .< 0) .| (labels .> Double(min(classes, 1 << 53) - 1))
        guard !isOutside.any() else {
            let positions = isOutside.array(of: Bool.self)
            let index = positions.firstIndex(of: true)!
            fatalError(
                "ImageDataset: the label \(labels.array(of: Int.self)[index]) at position \(index) of \(classes) classes"
            )
        }
    }

    /// Puts images and labels of the classes together.
    private init(checked images: Tensor, _ labels: Tensor, classes: Int) {
        guard images.rank == 4, labels.rank == 1, images.shape[0] == labels.shape[0], labels.dtype == .int64,
            images.dtype == .uint8 || images.dtype.isFloatingPoint
        else {
            fatalError(
                "ImageDataset: images \(images.dtype)\(images.shape) and labels \(labels.dtype)\(labels.shape); "
                    + "[count, channels, height, width] of uint8 or a floating-point type and int64 [count] were expected"
            )
        }
        self.images = images
        self.labels = labels
        self.classes = classes
    }

    /// Reads grey images and their labels from two IDX files.
    ///
    /// - Throws: ``DatasetError`` if a file is not what it must be, the counts differ, or a label is out of range.
    public init(imageFile: String, labelFile: String, classes: Int) throws(DatasetError) {
        try self.init(
            images: IDXFile(path: imageFile, axes: 3, meaning: "images"), imageFile: imageFile,
            labels: IDXFile(path: labelFile, axes: 1, meaning: "labels"), labelFile: labelFile, classes: classes)
    }

    init(
        images: IDXFile, imageFile: String, labels: IDXFile, labelFile: String, classes: Int
    ) throws(DatasetError) {
        guard images.shape[0] == labels.shape[0] else {
            throw .unequalCounts(images: imageFile, images.shape[0], labels: labelFile, labels.shape[0])
        }
        if let index = labels.bytes.firstIndex(where: { $0 >= classes }) {
            throw .label(labelFile, index: index, label: Int(labels.bytes[index]), classes: classes)
        }
        self.init(
            images: images.tensor.expanded(at: 1), labels: labels.tensor.to(.int64), classes: classes)
    }

    /// The number of images.
    public var count: Int { images.shape[0] }

    /// The size of each image, [channels, height, width].
    public var imageShape: [Int] { Array(images.shape.dropFirst()) }

    /// The first images, all if there are not more than `count`.
    public func prefix(_ count: Int) -> ImageDataset {
        guard count >= 0 else { fatalError("ImageDataset.prefix: \(count) images") }
        let count = min(count, self.count)
        return ImageDataset(checked: images[0..<count], labels[0..<count], classes: classes)
    }

    /// The same images on another device.
    public func to(_ device: Device) -> ImageDataset {
        ImageDataset(checked: images.to(device), labels.to(device), classes: classes)
    }
}
