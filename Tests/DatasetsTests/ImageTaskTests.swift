import Checksums
import Foundation
import TestSupport
import Testing
import Torch

@testable import Datasets

@Suite struct ImageTaskTests {
    let folder = TemporaryFolder()

    @Test func readsFourFiles() throws {
        try folder.writeImages(training: 30, test: 12, size: 6)
        let task = try ImageTask(folder: folder.path)
        #expect(task.name == URL(fileURLWithPath: folder.path).lastPathComponent)
        #expect(task.training.images.shape == [30, 1, 6, 6])
        #expect(task.training.images.dtype == .uint8)
        #expect(task.training.labels.shape == [30])
        #expect(task.training.labels.dtype == .int64)
        #expect(task.test.count == 12)
        #expect(task.test.imageShape == [1, 6, 6])
        #expect(task.test.classes == 10)
        #expect(task.training.labels[1].scalar == 7)
        #expect(task.training.images[1, 0, 7 * 6 / 10, 0].scalar == 200)
    }

    /// One file decides which of the two forms the rest must have.
    @Test func takesEitherForm() throws {
        let error = #expect(throws: DatasetError.self) { _ = try ImageTask(mnistOrCIFARFolder: folder.path) }
        #expect(error?.description.contains("data_batch_1.bin is missing") == true)
        try folder.writeImages(training: 30, test: 12, size: 6)
        let task = try ImageTask(mnistOrCIFARFolder: folder.path)
        #expect(task.training.images.shape == [30, 1, 6, 6])
        // Where there are files of both, they are CIFAR-10's.
        try folder.write(cifarBytes(labels: [1]), to: "test_batch.bin")
        let mixed = #expect(throws: DatasetError.self) { _ = try ImageTask(mnistOrCIFARFolder: folder.path) }
        #expect(mixed?.description.contains("data_batch_1.bin is missing") == true)
        try FileManager.default.removeItem(atPath: folder("test_batch.bin"))
        try FileManager.default.removeItem(atPath: folder(MNISTFile.testImages.rawValue))
        let partial = #expect(throws: DatasetError.self) { _ = try ImageTask(mnistOrCIFARFolder: folder.path) }
        #expect(partial?.description.contains("t10k-images-idx3-ubyte is missing") == true)
        let missing = #expect(throws: DatasetError.self) { _ = try ImageTask(mnistOrCIFARFolder: folder("none")) }
        #expect(missing?.description.contains("does not exist") == true)
    }

    @Test func prefixKeepsTheFirst() throws {
        try folder.writeImages(training: 30, test: 12, size: 6)
        let task = try ImageTask(folder: folder.path)
        let few = task.limited(toTraining: 5)
        #expect(few.training.count == 5)
        #expect(few.test.count == 12)
        #expect((few.training.images .== task.training.images[0..<5]).all())
        #expect(task.limited(toTraining: 1000).training.count == 30)
    }

    /// Each file by its name, whether it is compressed or not; some of the images are still of the same data.
    @Test func fingerprintsAreOfTheContent() throws {
        try folder.writeImages(training: 30, test: 12, size: 6)
        let task = try ImageTask(folder: folder.path)
        #expect(Set(task.fingerprint.keys) == Set(MNISTFile.allCases.map(\.rawValue)))
        #expect(task.limited(toTraining: 5).fingerprint == task.fingerprint)
        let labels = MNISTFile.trainingLabels.rawValue
        let file = URL(fileURLWithPath: folder(labels))
        #expect(task.fingerprint[labels] == SHA256.hexDigest(of: Array(try Data(contentsOf: file))))
        // Two labels change places.
        var bytes = Array(try Data(contentsOf: file))
        bytes.swapAt(8, 9)
        try folder.write(bytes, to: labels)
        let other = try ImageTask(folder: folder.path).fingerprint
        #expect(other.filter { task.fingerprint[$0.key] != $0.value }.keys.sorted() == [labels])
    }

    /// Those of tensors are hashed, too.
    @Test func fingerprintsOfTensors() {
        func task(_ pixels: [UInt8], _ labels: [Int], _ name: String = "a") -> ImageTask {
            let data = ImageDataset(
                images: Tensor(pixels, shape: [2, 1, 1, 2]), labels: Tensor(labels), classes: 3)
            return ImageTask(name: name, training: data, test: data)
        }
        let first = task([1, 2, 3, 4], [0, 1]).fingerprint
        #expect(task([1, 2, 3, 4], [0, 1], "b").fingerprint == first)
        #expect(task([3, 4, 1, 2], [1, 0]).fingerprint != first)
        #expect(task([1, 2, 3, 4], [1, 0]).fingerprint != first)
        #expect(Set(first.keys) == ["training images", "training labels", "test images", "test labels"])
        #expect(first["training images"] == first["test images"] && first["training images"] != first["test labels"])
    }

    @Test func saysThatAFolderIsMissing() throws {
        #expect(throws: DatasetError.missingFolder(folder("none"))) { _ = try ImageTask(folder: folder("none")) }
        try folder.write([1], to: "file")
        #expect(throws: DatasetError.notFolder(folder("file"))) { _ = try ImageTask(folder: folder("file")) }
    }

    @Test(arguments: MNISTFile.allCases)
    func saysThatAFileIsMissing(file: MNISTFile) throws {
        try folder.writeImages(training: 3, test: 2, size: 4)
        try FileManager.default.removeItem(atPath: folder(file.rawValue))
        let error = #expect(throws: DatasetError.self) { _ = try ImageTask(folder: folder.path) }
        #expect(
            error?.description
                == "\(folder(file.rawValue)) is missing, and so is \(folder(file.rawValue)).gz: the folder must hold "
                + "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
                + "t10k-labels-idx1-ubyte, each plain or compressed by gzip")
    }

    @Test func saysThatALabelIsOutOfRange() throws {
        try folder.writeImages(training: 3, test: 2, size: 4)
        let labels = try folder.write(idxBytes(shape: [3], elements: [9, 200, 3]), to: "train-labels-idx1-ubyte")
        let error = #expect(throws: DatasetError.self) { _ = try ImageTask(folder: folder.path) }
        #expect(
            error?.description
                == "\(labels) has the label 200 at position 1: labels are from 0 to 9: use a data set of 10 classes")
    }

    @Test func misuseStopsTheProgram() async {
        await #expect(processExitsWith: .success) {
            expectTrap {
                _ = ImageDataset(images: Tensor.zeros([2, 1, 1, 1]), labels: Tensor([0, 2]), classes: 2)
            }
            expectTrap("ImageDataset: the label -1 at position 2 of 2 classes") {
                _ = ImageDataset(images: Tensor.zeros([3, 1, 1, 1]), labels: Tensor([0, 1, -1]), classes: 2)
            }
            expectTrap {
                let nothing = ImageDataset(
                    images: Tensor.zeros([0, 1, 2, 2], dtype: .uint8), labels: Tensor.zeros([0], dtype: .int64),
                    classes: 2)
                _ = Normalization(of: nothing)
            }
            expectTrap("Normalization(of:): images float32[2, 1, 1, 1] with pixels that are NaN or infinite") {
                let images = Tensor([0, .nan] as [Float], shape: [2, 1, 1, 1])
                _ = Normalization(of: ImageDataset(images: images, labels: Tensor([0, 1]), classes: 2))
            }
        }
    }

    @Test func saysThatCountsDiffer() throws {
        try folder.writeImages(training: 3, test: 2, size: 4)
        let labels = try folder.write(idxBytes(shape: [4], elements: [1, 2, 3, 4]), to: "train-labels-idx1-ubyte")
        let error = #expect(throws: DatasetError.self) { _ = try ImageTask(folder: folder.path) }
        #expect(
            error?.description
                == "\(folder("train-images-idx3-ubyte")) holds 3 images and \(labels) holds 4 labels: there must be a "
                + "label for each image; use files that belong together")
    }

    @Test func saysThatSizesDiffer() throws {
        try folder.writeImages(training: 3, test: 2, size: 4)
        try folder.write(
            idxBytes(shape: [2, 4, 5], elements: [UInt8](repeating: 0, count: 40)), to: "t10k-images-idx3-ubyte")
        let error = #expect(throws: DatasetError.self) { _ = try ImageTask(folder: folder.path) }
        #expect(
            error?.description
                == "\(folder("t10k-images-idx3-ubyte")) holds images of 4 x 5 pixels and "
                + "\(folder("train-images-idx3-ubyte")) of 4 x 4: training and test images must have one size")
    }

    @Test func requiresFashionMNISTWhereToldTo() throws {
        try folder.writeImages(training: 3, test: 2, size: 4)
        let error = #expect(throws: DatasetError.self) {
            _ = try ImageTask(folder: folder.path, verification: .requireFashionMNIST)
        }
        guard case .checksum(let path, let found, let expected) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(path == folder("t10k-labels-idx1-ubyte"))
        #expect(found == SHA256.hexDigest(of: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))))
        #expect(expected == MNISTFile.testLabels.fashionChecksum)
    }

    /// The set-up in Python and this library expect the same files.
    @Test func checksumsAreThoseOfTheSetUp() throws {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let text = try String(
            contentsOf: package.appendingPathComponent("Scripts/fashion-mnist.sha256"), encoding: .utf8)
        let lines = MNISTFile.allCases.map { "\($0.fashionChecksum)  \($0.rawValue)" }
        #expect(text.split(separator: "\n").map(String.init).sorted() == lines.sorted())
    }

    private static let setUp = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../.deps/data/fashion-mnist").standardizedFileURL.path

    /// The real thing, where it is set up: 6,000 training images of each class, 1,000 test images.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: setUp)))
    func theSetUpIsFashionMNIST() throws {
        let task = try ImageTask(folder: Self.setUp, verification: .requireFashionMNIST)
        #expect(task.name == "Fashion-MNIST")
        #expect(task.training.images.shape == [60_000, 1, 28, 28])
        #expect(task.training.labels.occurrences(classes: 10).array(of: Int.self).allSatisfy { $0 == 6000 })
        #expect(task.test.labels.occurrences(classes: 10).array(of: Int.self).allSatisfy { $0 == 1000 })
        let normalization = Normalization(of: task.training)
        #expect(abs(normalization.mean - 0.2860) < 1e-4)
        #expect(abs(normalization.standardDeviation - 0.3530) < 1e-4)
    }
}
