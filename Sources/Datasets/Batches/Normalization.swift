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

    /// Takes mean and standard deviation from all pixels of a data set of uint8; one colour leaves its scale alone.
    public init(of dataset: ImageDataset) {
        guard dataset.images.dtype == .uint8, dataset.images.count > 0 else {
            fatalError(
                "Normalization(of:): images \(dataset.images.dtype)\(dataset.images.shape); some of uint8 were expected"
            )
        }
        // From the histogram, in whole numbers: exact, whatever the number of images and of threads.
        let histogram = dataset.images.occurrences(classes: 256).array(of: Int.self)
        let count = Double(dataset.images.count)
        let sum = Double(histogram.enumerated().reduce(0) { $0 + $1.offset * $1.element })
        let squares = Double(histogram.enumerated().reduce(0) { $0 + $1.offset * $1.offset * $1.element })
        let variance = squares / count - (sum / count) * (sum / count)
        self.init(mean: sum / count / 255, standardDeviation: variance > 0 ? variance.squareRoot() / 255 : 1)
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
