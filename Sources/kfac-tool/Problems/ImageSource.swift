import Datasets
import Foundation

/// The images of a problem: where they come from, and which of them its network takes.
struct ImageSource: Sendable {
    /// Reads them from the folder that is given, or else the default ones.
    let read: @Sendable (_ folder: String?) throws -> ImageTask
    /// The sizes that the network takes, up to the largest: "square ones from 8 x 8 to".
    let sizes: String
    /// Whether the network takes images of a height and a width.
    let accepts: @Sendable (_ height: Int, _ width: Int) -> Bool
    /// Whether pixels are normalised; otherwise they are probabilities.
    let isNormalized: Bool

    private static let largestSide = 128

    /// Images in the form of MNIST; by default Fashion-MNIST.
    static func mnist(
        isNormalized: Bool = true, sizes: String = "ones of at most",
        accepts: @escaping @Sendable (_ height: Int, _ width: Int) -> Bool = { _, _ in true }
    ) -> ImageSource {
        ImageSource(
            read: { folder in
                try folder.map { try ImageTask(folder: $0) }
                    ?? ImageTask(folder: setUpFolder(), verification: .requireFashionMNIST)
            }, sizes: sizes, accepts: accepts, isNormalized: isNormalized)
    }

    /// Images in the form of CIFAR-10 or MNIST; by default synthetic ones.
    static let cifar = ImageSource(
        read: { folder in
            try folder.map { try ImageTask(mnistOrCIFARFolder: $0) }
                ?? .synthetic(trainingCount: 10_000, testCount: 2000)
        }, sizes: "ones of at most", accepts: { _, _ in true }, isNormalized: true)

    /// Makes sure that the network can take the images.
    func check(_ task: ImageTask) throws {
        let (height, width) = (task.training.imageShape[1], task.training.imageShape[2])
        // The curvature of a layer that sees all pixels has the square of their number.
        guard accepts(height, width), max(height, width) <= Self.largestSide else {
            throw ToolError(
                "the images of \(task.name) have \(height) x \(width) pixels: the network takes \(sizes) "
                    + "\(Self.largestSide) x \(Self.largestSide)")
        }
    }

    /// The folder of the set-up: in the current folder, or in the package that this program was built in.
    private static func setUpFolder() throws -> String {
        let place = ".deps/data/fashion-mnist"
        var folders = [FileManager.default.currentDirectoryPath]
        if var folder = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent() {
            while folder.path != "/" {
                folders.append(folder.path)
                folder.deleteLastPathComponent()
            }
        }
        for folder in folders where FileManager.default.fileExists(atPath: "\(folder)/\(place)") {
            return "\(folder)/\(place)"
        }
        throw ToolError(
            "Fashion-MNIST is not set up: there is no folder \(place) in \(folders[0]) or where this program was "
                + "built: run 'make setup' in the package, or give a folder of IDX files by --data")
    }
}
