import Checksums
import Foundation
public import Torch

/// Training images and test images.
public struct ImageTask: Sendable {
    /// The name of the data set.
    public let name: String
    /// The training images.
    public let training: ImageDataset
    /// The test images.
    public let test: ImageDataset
    /// The identity of the images and labels, in their order: the SHA-256 of each file's content by the file's name, or
    /// the settings that generated images follow from.
    ///
    /// A task that is limited to some of the images keeps the fingerprint of all of them.
    public let fingerprint: [String: String]

    /// Puts a training set and a test set together.
    ///
    /// - Parameter fingerprint: What tells the data from others; nil to hash them, which costs 4 ms for each megabyte.
    public init(name: String, training: ImageDataset, test: ImageDataset, fingerprint: [String: String]? = nil) {
        guard training.imageShape == test.imageShape, training.classes == test.classes else {
            fatalError(
                "ImageTask: images \(training.imageShape) of \(training.classes) classes for training, "
                    + "\(test.imageShape) of \(test.classes) for the test")
        }
        self.name = name
        self.training = training
        self.test = test
        self.fingerprint =
            fingerprint ?? [
                "training images": training.images.checksum, "training labels": training.labels.checksum,
                "test images": test.images.checksum, "test labels": test.labels.checksum,
            ]
    }

    /// The use of the checksums of a folder's files.
    public enum Verification: Sendable, Hashable {
        /// The files must be Fashion-MNIST's, to the byte.
        case requireFashionMNIST
        /// Any files in the form of MNIST are welcome; those of Fashion-MNIST are recognised.
        case recognize
    }

    /// Reads a data set in the form of MNIST: the four files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    /// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each plain or, with `.gz` at the end, compressed.
    ///
    /// The task is called Fashion-MNIST where the files are, and like the folder otherwise.
    ///
    /// - Throws: ``DatasetError`` if a file is missing or not what it must be.
    public init(
        folder: String, classes: Int = 10, verification: Verification = .recognize
    ) throws(DatasetError) {
        try Self.requireFolder(folder, missing: .missingFolder(folder))
        var paths: [MNISTFile: String] = [:]
        for file in MNISTFile.allCases { paths[file] = try Self.path(of: file, in: folder) }

        var checksums: [String: String] = [:]
        func read(_ file: MNISTFile) throws(DatasetError) -> IDXFile {
            let isImages = file == .trainingImages || file == .testImages
            let content = try IDXFile(
                path: paths[file]!, axes: isImages ? 3 : 1, meaning: isImages ? "images" : "labels")
            let checksum = content.checksum
            checksums[file.rawValue] = checksum
            if checksum != file.fashionChecksum, verification == .requireFashionMNIST {
                throw .checksum(paths[file]!, found: checksum, expected: file.fashionChecksum)
            }
            return content
        }
        func dataset(_ images: MNISTFile, _ labels: MNISTFile) throws(DatasetError) -> ImageDataset {
            // The small file first: what is wrong with it is told before the large one is read.
            let labelContent = try read(labels)
            return try ImageDataset(
                images: read(images), imageFile: paths[images]!, labels: labelContent, labelFile: paths[labels]!,
                classes: classes)
        }
        let test = try dataset(.testImages, .testLabels)
        let training = try dataset(.trainingImages, .trainingLabels)
        guard training.imageShape == test.imageShape else {
            throw .unequalSizes(
                paths[.trainingImages]!, Array(training.imageShape.dropFirst()), paths[.testImages]!,
                Array(test.imageShape.dropFirst()))
        }
        let folderName = URL(fileURLWithPath: folder).standardizedFileURL.lastPathComponent
        let isFashion = MNISTFile.allCases.allSatisfy { checksums[$0.rawValue] == $0.fashionChecksum }
        self.init(
            name: isFashion ? "Fashion-MNIST" : folderName, training: training, test: test, fingerprint: checksums)
    }

    /// Reads a data set in the form of MNIST where the folder has one of its files and none of CIFAR-10's, and CIFAR-10
    /// otherwise.
    ///
    /// - Throws: ``DatasetError`` if a file is missing or not what it must be.
    public init(mnistOrCIFARFolder folder: String) throws(DatasetError) {
        var isMNIST = false
        if case .folder = try Self.target(folder), try !Self.hasCIFAR(folder) {
            for file in MNISTFile.allCases where try !Self.paths(of: file, in: folder).isEmpty { isMNIST = true }
        }
        if isMNIST { try self.init(folder: folder) } else { try self.init(cifarFolder: folder) }
    }

    /// The same task with its first training images only.
    public func limited(toTraining count: Int) -> ImageTask {
        ImageTask(name: name, training: training.prefix(count), test: test, fingerprint: fingerprint)
    }

    /// The same task on another device.
    public func to(_ device: Device) -> ImageTask {
        ImageTask(name: name, training: training.to(device), test: test.to(device), fingerprint: fingerprint)
    }

    private static func path(of file: MNISTFile, in folder: String) throws(DatasetError) -> String {
        guard let path = try paths(of: file, in: folder).first else {
            throw .missingFile(URL(fileURLWithPath: folder).appendingPathComponent(file.rawValue).path)
        }
        return path
    }

    /// The plain file and the compressed one, as far as they are there.
    private static func paths(of file: MNISTFile, in folder: String) throws(DatasetError) -> [String] {
        let plain = URL(fileURLWithPath: folder).appendingPathComponent(file.rawValue).path
        var paths: [String] = []
        for path in [plain, plain + ".gz"] where try isThere(path) { paths.append(path) }
        return paths
    }

    /// Makes sure that data can be looked for in a folder.
    static func requireFolder(_ path: String, missing: DatasetError) throws(DatasetError) {
        switch try target(path) {
        case .nothing: throw missing
        case .file: throw .notFolder(path)
        case .folder: break
        }
    }

    /// Whether there is a file; one that may not be looked at is an error.
    static func isThere(_ path: String) throws(DatasetError) -> Bool { try target(path) != .nothing }

    private static func target(_ path: String) throws(DatasetError) -> PathTarget {
        do { return try PathTarget(path) } catch { throw DatasetError(error) }
    }
}

extension Tensor {
    /// The SHA-256 of type, shape and elements, in hexadecimal.
    fileprivate var checksum: String {
        var hash = SHA256()
        hash.update(Array("\(dtype)\(shape) ".utf8))
        hash.update(dtype == .uint8 ? array(of: UInt8.self) : array(of: Double.self).withUnsafeBytes(Array.init))
        return hash.hexDigest()
    }
}
