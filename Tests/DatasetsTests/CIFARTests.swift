import Datasets
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct CIFARTests {
    let folder = TemporaryFolder()

    /// What an image's record says, with the channels, rows and columns in this order.
    @Test func readsRecords() throws {
        let bytes = cifarBytes(labels: [9, 0, 4])
        let file = try CIFARFile(path: folder.write(bytes, to: "file.bin"))
        #expect(file.count == 3)
        #expect(file.labels.array(of: Int.self) == [9, 0, 4])
        #expect(file.labels.dtype == .int64)
        #expect(file.images.dtype == .uint8)
        #expect(file.images.shape == [3, 3, 32, 32])
        for (image, channel, row, column) in [(0, 0, 0, 0), (1, 2, 31, 31), (2, 1, 17, 5)] {
            let byte = bytes[image * 3073 + 1 + channel * 1024 + row * 32 + column]
            #expect(file.images[image, channel, row, column].scalar == Double(byte))
        }
    }

    /// Content, and what is said of it.
    static let faults: [(bytes: [UInt8], message: String)] = [
        ([], "FILE is empty: a file of CIFAR-10 holds records of 3073 bytes: get the file anew"),
        (
            Array(cifarBytes(labels: [1, 2]).dropLast()),
            "FILE has 6145 bytes, which is no multiple of the 3073 of a record of CIFAR-10: get the binary version of "
                + "the data set, or the file anew if it is cut off"
        ),
        (
            cifarBytes(labels: [1]) + [0],
            "FILE has 3074 bytes, which is no multiple of the 3073 of a record of CIFAR-10: get the binary version of "
                + "the data set, or the file anew if it is cut off"
        ),
        (
            Array("\u{80}\u{2}pickled".utf8),
            "FILE has 10 bytes, which is no multiple of the 3073 of a record of CIFAR-10: get the binary version of the "
                + "data set, or the file anew if it is cut off"
        ),
        (
            cifarBytes(labels: [3, 10, 2]),
            "FILE has the label 10 at position 1: labels are from 0 to 9: use a data set of 10 classes"
        ),
    ]

    @Test(arguments: faults.indices)
    func saysWhatIsWrong(index: Int) throws {
        let (bytes, message) = Self.faults[index]
        let path = try folder.write(bytes, to: "file.bin")
        let error = #expect(throws: DatasetError.self) { _ = try CIFARFile(path: path) }
        #expect(error?.description == message.replacing("FILE", with: path))
    }

    /// A file with a hole of 300 megabytes, none of which is read.
    @Test func aFileBeyondMeasureIsRefused() throws {
        let path = try folder.write([], to: "long.bin")
        #expect(truncate(path, 3073 * 100_000 + 1) == 0)
        let error = #expect(throws: DatasetError.self) { _ = try CIFARFile(path: path) }
        #expect(
            error?.description
                == "\(path) has more than 100000 records of 3073 bytes; those of CIFAR-10 have 10000: get the right file"
        )
    }

    @Test func onlyRegularFilesAreRead() {
        let pipe = folder("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(throws: DatasetError.unreadable(pipe, reason: "it is a pipe, and a regular file is needed")) {
            _ = try CIFARFile(path: pipe)
        }
        #expect(
            throws: DatasetError.unreadable("/dev/zero", reason: "it is a device, and a regular file is needed")
        ) { _ = try CIFARFile(path: "/dev/zero") }
    }

    @Test func saysWhyAFileCannotBeRead() {
        #expect(throws: DatasetError.unreadable(folder("none"), reason: "No such file or directory")) {
            _ = try CIFARFile(path: folder("none"))
        }
    }

    @Test(arguments: [nil, "cifar-10-batches-bin"])
    func readsSixFiles(inner: String?) throws {
        try folder.writeCIFAR(training: 3, test: 4, in: inner)
        let task = try ImageTask(cifarFolder: folder.path)
        #expect(task.name == folder.name)
        #expect(task.training.images.shape == [15, 3, 32, 32])
        #expect(task.training.labels.array(of: Int.self) == [1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6, 5, 6, 7])
        #expect(task.test.labels.array(of: Int.self) == [0, 1, 2, 3])
        #expect(task.test.classes == 10)
        let bytes = cifarBytes(labels: [3, 4, 5], seed: 3)
        #expect(task.training.images[7, 0, 0].array(of: UInt8.self) == Array(bytes[3074..<3106]))
    }

    @Test func saysThatTheFolderIsMissing() throws {
        let error = #expect(throws: DatasetError.self) { _ = try ImageTask(cifarFolder: folder("none")) }
        #expect(
            error?.description
                == "the data folder \(folder("none")) does not exist: give a folder that holds the binary version of "
                + "CIFAR-10")
    }

    @Test(arguments: ["data_batch_1.bin", "data_batch_4.bin", "test_batch.bin"])
    func saysThatAFileIsMissing(file: String) throws {
        try folder.writeCIFAR(training: 1, test: 1)
        try FileManager.default.removeItem(atPath: folder(file))
        let error = #expect(throws: DatasetError.self) { _ = try ImageTask(cifarFolder: folder.path) }
        #expect(
            error?.description
                == "\(folder(file)) is missing: the folder must hold data_batch_1.bin to data_batch_5.bin and "
                + "test_batch.bin of the binary version of CIFAR-10")
    }

    @Test func aFileCutOffBetweenRecordsIsNoticed() throws {
        try folder.writeCIFAR(training: 3, test: 1)
        try folder.write(cifarBytes(labels: [1, 2]), to: "data_batch_3.bin")
        let error = #expect(throws: DatasetError.self) { _ = try ImageTask(cifarFolder: folder.path) }
        #expect(
            error?.description
                == "\(folder("data_batch_3.bin")) holds 2 images and \(folder("data_batch_1.bin")) 3: all parts of "
                + "CIFAR-10 have the same number: get the files anew")
    }
}

@Suite struct SyntheticImageTests {
    private let task = ImageTask.synthetic(
        trainingCount: 203, testCount: 50, imageShape: [3, 16, 12], classes: 4, seed: 1)

    @Test func hasTheSizesAskedFor() {
        #expect(task.training.images.shape == [203, 3, 16, 12])
        #expect(task.training.images.dtype == .uint8)
        #expect(task.test.count == 50)
        #expect(task.training.classes == 4)
        #expect(task.training.labels.occurrences(classes: 4).array(of: Int.self) == [51, 51, 51, 50])
        #expect(task.test.labels.array(of: Int.self) != task.test.labels.array(of: Int.self).sorted())
    }

    @Test func followsFromTheSeed() {
        func images(_ seed: UInt64) -> [UInt8] {
            ImageTask.synthetic(trainingCount: 5, testCount: 1, imageShape: [1, 8, 8], seed: seed).training.images
                .array()
        }
        #expect(images(1) == images(1))
        #expect(images(1) != images(2))
    }

    /// Shifts are random, so that no pixel tells the class: means over a class are grey everywhere.
    @Test func noPixelTellsTheClass() {
        let many = ImageTask.synthetic(
            trainingCount: 4000, testCount: 1, imageShape: [1, 8, 8], classes: 2, noise: 0.05)
        for label in 0..<2 {
            let isOfClass = (many.training.labels .== Double(label)).to(.float64).reshaped([-1, 1, 1, 1])
            let mean = (many.training.images.to(.float64) * isOfClass).sum(0) / 2000
            // Of 2,000 images with a standard deviation of at most 50, the mean's is about 1.
            #expect((mean - 127.5).abs().max().scalar < 6)
        }
    }

    /// But the waves are those of the class: autocorrelations differ between classes and agree within one.
    @Test func theWavesTellTheClass() {
        let many = ImageTask.synthetic(trainingCount: 2000, testCount: 1, imageShape: [1, 8, 8], classes: 2, noise: 0)
        func covariance(_ range: Range<Int>, _ label: Int) -> Tensor {
            let isOfClass = (many.training.labels[range] .== Double(label)).to(.float64).expanded(at: 1)
            let pixels = (many.training.images[range].to(.float64).flattened(from: 1) - 127.5) * isOfClass
            return pixels.transposed().matmul(pixels) / isOfClass.sum().scalar
        }
        let (a, again, b) = (covariance(0..<1000, 0), covariance(1000..<2000, 0), covariance(0..<1000, 1))
        #expect((a - again).norm().scalar < 0.3 * (a - b).norm().scalar)
    }
}

@Suite struct AugmentationTests {
    /// Each result is a window of the padded image, mirrored or not, spelled out pixel by pixel.
    @Test(arguments: [0, 1, 3], [false, true])
    func cutsWindows(padding: Int, mirrors: Bool) {
        let images = randomTensor([40, 2, 4, 5], seed: 3, in: 1..<2)
        var generator = RandomGenerator(seed: 5)
        let results = Augmentation(padding: padding, mirrors: mirrors)(images, using: &generator)
        #expect(results.shape == images.shape)
        let border = (before: padding, after: padding)
        let padded = images.padded([border, border])
        var seen: Set<[Int]> = []
        for image in 0..<40 {
            var matches: [[Int]] = []
            for row in 0...2 * padding {
                for column in 0...2 * padding {
                    let window = padded[image, .all, row..<row + 4, column..<column + 5]
                    for (isMirrored, candidate) in [(0, window), (1, window.flipped(2))]
                    where (candidate .== results[image]).all() { matches.append([row, column, isMirrored]) }
                }
            }
            #expect(matches.count == 1)
            seen.formUnion(matches)
        }
        #expect(Set(seen.map { $0[2] }) == (mirrors ? [0, 1] : [0]))
        #expect(Set(seen.map { $0[0] }).count == 2 * padding + 1)
        #expect(Set(seen.map { $0[1] }).count == 2 * padding + 1)
    }

    @Test func keepsTheTypeAndFollowsFromTheGenerator() {
        let images = (randomTensor([6, 3, 8, 8], in: 0..<255)).to(.uint8)
        func augmented(_ seed: UInt64) -> Tensor {
            var generator = RandomGenerator(seed: seed)
            return Augmentation()(images, using: &generator)
        }
        #expect(augmented(1).dtype == .uint8)
        #expect((augmented(1) .== augmented(1)).all())
        #expect((augmented(1) .!= augmented(2)).any())
    }
}
