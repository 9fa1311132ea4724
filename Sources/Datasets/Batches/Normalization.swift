public import Torch

/// The shift and scale that bring pixels to mean 0 and standard deviation 1.
public struct Normalization: Sendable, Hashable, Codable {
    /// The mean of the pixels, on the scale from 0 (black) to 1 (white).
    public var mean: Double
    /// The standard deviation of the pixels, on the same scale.
    public var standardDeviation: Double

    /// Creates a normalisation from a mean and a standard deviation; by default, pixels stay from 0 to 1.
    public init(mean: Double = 0, standardDeviation: Double = 1) {
        self.mean = mean
        self.standardDeviation = standardDeviation
        requireNumbers()
    }

    /// Stops the program if numbers are of no use, as after a change.
    private func requireNumbers() {
        guard mean.isFinite, standardDeviation > 0, standardDeviation.isFinite else {
            fatalError(
                "Normalization: the mean \(mean) is not finite, or the standard deviation \(standardDeviation) not positive and "
                    + "finite")
        }
    }

    /// Takes mean and standard deviation from all pixels of a data set; one colour leaves its scale alone.
    ///
    /// Pixels that are NaN or infinite are misuse. Costs a pass over the images, of floating-point ones two.
    public init(of dataset: ImageDataset) {
        let images = dataset.images
        guard images.count > 0 else {
            fatalError("Normalization(of:): images \(images.dtype)\(images.shape); at least one was expected")
        }
        let (mean, deviation) =
            images.dtype == .uint8 ? Self.moments(ofBytes: images) : Self.moments(ofNumbers: images)
        self.init(mean: mean, standardDeviation: deviation > 0 ? deviation : 1)
    }

    /// Mean and standard deviation from the histogram, in whole numbers: exact, whatever the number of images and of
    /// threads.
    private static func moments(ofBytes images: Tensor) -> (mean: Double, deviation: Double) {
        let histogram = images.occurrences(classes: 256).array(of: Int.self)
        let count = Double(images.count)
        let sum = Double(histogram.enumerated().reduce(0) { $0 + $1.offset * $1.element })
        let squares = Double(histogram.enumerated().reduce(0) { $0 + $1.offset * $1.offset * $1.element })
        let variance = squares / count - (sum / count) * (sum / count)
        return (sum / count / 255, max(0, variance).squareRoot() / 255)
    }

    /// Mean and standard deviation in double precision, from some images at a time.
    private static func moments(ofNumbers images: Tensor) -> (mean: Double, deviation: Double) {
        let (least, greatest) = (images.min().scalar, images.max().scalar)
        guard least.isFinite, greatest.isFinite else {
            fatalError("Normalization(of:): images \(images.dtype)\(images.shape) with pixels that are NaN or infinite")
        }
        // Rounding would give one colour a deviation.
        guard least < greatest else { return (least, 0) }
        func mean(_ value: (_ part: Tensor) -> Tensor) -> Double {
            stride(from: 0, to: images.shape[0], by: 256).reduce(0) { sum, start in
                let part = images[start..<min(start + 256, images.shape[0])].to(.float64)
                return sum + value(part).sum().scalar
            } / Double(images.count)
        }
        let center = mean { $0 }
        return (center, mean { ($0 - center).squared() }.squareRoot())
    }

    /// Normalises images of type uint8 (0 to 255) or floating-point (0 to 1); the result is of type float32.
    public func callAsFunction(_ images: Tensor) -> Tensor {
        requireNumbers()
        guard images.dtype == .uint8 || images.dtype.isFloatingPoint else {
            fatalError("Normalization: images \(images.dtype)\(images.shape); uint8 or a floating-point type is needed")
        }
        let range = images.dtype == .uint8 ? 255.0 : 1.0
        return images.to(.float32) * (1 / (range * standardDeviation)) + (-mean / standardDeviation)
    }
}
