import Foundation
import Torch

extension ImageTask {
    /// Makes up images whose classes can be learned: coloured waves, some of each class's own, at random places and
    /// with noise.
    ///
    /// A class has three plane waves, each of a direction, a length and a colour. An image is their sum with random
    /// shifts and strengths, and independent noise on each pixel. Shifts and noise leave no pixel that tells the class.
    /// All of it follows from the seed.
    ///
    /// - Parameters:
    ///   - trainingCount: The number of training images, positive.
    ///   - testCount: The number of test images, positive.
    ///   - imageShape: [channels, height, width].
    ///   - noise: The standard deviation of a pixel's noise, where black is 0 and white is 1; the waves together have
    ///     about 0.1.
    public static func synthetic(
        trainingCount: Int, testCount: Int, imageShape: [Int] = [3, 32, 32], classes: Int = 10, noise: Double = 0.2,
        seed: UInt64 = 0
    ) -> ImageTask {
        guard trainingCount > 0, testCount > 0, classes > 0, imageShape.count == 3, imageShape.allSatisfy({ $0 > 0 })
        else {
            fatalError(
                "ImageTask.synthetic: \(trainingCount) images to learn from, \(testCount) to be tested on, \(classes) classes, "
                    + "images of shape \(imageShape); positive numbers and [channels, height, width] are needed")
        }
        var generator = RandomGenerator(seed: seed)
        let waves = (0..<classes).map { _ in Waves(imageShape, using: &generator) }
        func dataset(_ count: Int) -> ImageDataset {
            // As many images of each class as there can be, in random order.
            let labels = (0..<count).map { $0 % classes }
            let perClass = (0..<classes).map { label in (count - label + classes - 1) / classes }
            let images = zip(waves, perClass).map { $0.images($1, noise: noise, using: &generator) }
            let sorted = ImageDataset(
                images: Tensor.concatenate(images), labels: Tensor(labels.sorted()), classes: classes)
            let order = generator.permutation(count)
            return ImageDataset(
                images: sorted.images.gathered(order), labels: sorted.labels.gathered(order), classes: classes)
        }
        let training = dataset(trainingCount)
        return ImageTask(
            name: "synthetic images", training: training, test: dataset(testCount),
            fingerprint: [
                "synthetic images":
                    "\(trainingCount) and \(testCount) of \(imageShape), \(classes) classes, noise \(noise), "
                    + "seed \(seed)"
            ])
    }
}

/// The waves of one class.
private struct Waves {
    private static let count = 3

    private let imageShape: [Int]
    /// The cosine and the sine of each wave at each pixel of each channel, times its strength there:
    /// [2 · waves, channels · height · width].
    private let basis: Tensor

    init(_ imageShape: [Int], using generator: inout RandomGenerator) {
        self.imageShape = imageShape
        let (channels, height, width) = (imageShape[0], imageShape[1], imageShape[2])
        let numbers = generator.uniform([Self.count, 2 + channels], dtype: .float64)
        let rows = (Tensor.range(0..<height, dtype: .float64) / Double(height)).expanded(at: 1)
        let columns = (Tensor.range(0..<width, dtype: .float64) / Double(width)).expanded(at: 0)
        var parts: [Tensor] = []
        for wave in 0..<Self.count {
            // From one to five periods in an image, in any direction.
            let angle = numbers[wave, 0].scalar * .pi
            let frequency = 2 * .pi * (1 + 4 * numbers[wave, 1].scalar)
            let phase = rows * (sin(angle) * frequency) + columns * (cos(angle) * frequency)
            let colour = (numbers[wave, 2...] * 2 - 1).reshaped([channels, 1, 1])
            parts += [phase.cos(), phase.sin()].map { (colour * $0.expanded(at: 0)).flattened() }
        }
        basis = Tensor.stack(parts)
    }

    /// Images of the class, uint8 [count, channels, height, width].
    func images(_ count: Int, noise: Double, using generator: inout RandomGenerator) -> Tensor {
        let shifts = generator.uniform([count, Self.count], in: 0..<2 * .pi, dtype: .float64)
        let strengths = generator.uniform([count, Self.count], in: 0.08..<0.16, dtype: .float64)
        let coefficients = Tensor.stack([strengths * shifts.cos(), strengths * shifts.sin()], axis: 2).flattened(
            from: 1)
        let pixels = coefficients.matmul(basis)
        let noisy = pixels + generator.normal(pixels.shape, standardDeviation: noise, dtype: .float64) + 0.5
        return (noisy.clamped(atLeast: 0).clamped(atMost: 1) * 255).rounded().to(.uint8)
            .reshaped([count] + imageShape)
    }
}
