import Foundation
import TestSupport
import Testing

/// What `kfac` says of files that are damaged, or none: one sentence, a status of its own, and nothing left behind.
@Suite struct DamagedFileTests {
    let folder = TemporaryFolder()
    private let images = "train-images-idx3-ubyte"
    private let labels = "t10k-labels-idx1-ubyte"

    init() throws { try folder.writeImages(training: 12, test: 6) }

    private func expectError(
        _ message: String, _ arguments: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = folder.names
        let result = try Tool.run(["train", "--data", folder.path, "--steps", "1"] + arguments, in: folder)
        #expect(result.status == 1, sourceLocation: sourceLocation)
        #expect(result.output == "", sourceLocation: sourceLocation)
        #expect(result.errors == "Error: \(message)\n", sourceLocation: sourceLocation)
        #expect(folder.names == before, sourceLocation: sourceLocation)
    }

    private func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: folder(file)) }

    @Test func aFolderInPlaceOfAFile() throws {
        try remove(labels)
        try FileManager.default.createDirectory(atPath: folder(labels), withIntermediateDirectories: false)
        try expectError("\(folder(labels)) cannot be read: Is a directory")
    }

    /// Nobody writes into it: to wait would be to wait for ever.
    @Test(arguments: ["", ".gz"]) func aPipeInPlaceOfAFile(suffix: String) throws {
        try remove(labels)
        #expect(mkfifo(folder(labels + suffix), 0o600) == 0)
        try expectError("\(folder(labels))\(suffix) cannot be read: it is a pipe, and a regular file is needed")
    }

    @Test(.disabled(if: geteuid() == 0, "root reads everything")) func aFileWithoutPermission() throws {
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: folder(labels))
        try expectError("\(folder(labels)) cannot be read: Permission denied")
    }

    @Test func anEmptyFile() throws {
        try folder.write([], to: labels)
        try expectError(
            "\(folder(labels)) is empty: get the file anew")
    }

    @Test func aFileOfNoExamples() throws {
        try folder.write(idxBytes(shape: [0], elements: []), to: labels)
        try expectError(
            "\(folder(labels)) is empty: its header says 0, and every extent must be positive: get the file anew")
    }

    @Test func theGreatestLabel() throws {
        try folder.write(idxBytes(shape: [6], elements: [0, 1, 255, 3, 4, 5]), to: labels)
        try expectError(
            "\(folder(labels)) has the label 255 at position 2: labels are from 0 to 9: use a data set of 10 classes")
    }

    /// Pixels that could be NaN are refused as a whole, by their type.
    @Test func pixelsThatAreNotNumbers() throws {
        let nan: [UInt8] = [0x7f, 0xc0, 0, 0]
        let pixels = (0..<12 * 28 * 28).flatMap { _ in nan }
        try folder.write(idxBytes(shape: [12, 28, 28], elements: pixels, type: 13), to: images)
        try expectError(
            "\(folder(images)) holds elements of the type 0d; images and labels are unsigned bytes, type 08: convert the "
                + "file")
    }

    /// A hundred megabytes of zeros behind a header that promises six labels, in a hundred kilobytes.
    @Test func aCompressedFileThatExpandsBeyondItsHeader() throws {
        try remove(labels)
        let content = idxBytes(shape: [6], elements: [0, 1, 2, 3, 4, 5]) + [UInt8](repeating: 0, count: 100_000_000)
        try folder.write(content, to: labels)
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gzip.arguments = ["gzip", "-1", folder(labels)]
        try gzip.run()
        gzip.waitUntilExit()
        try expectError(
            "\(folder(labels)).gz is too long: it continues after the 6 bytes of content that its header promises: get the "
                + "file anew")
    }

    @Test func aHeaderThatPromisesMoreThanAnyMemory() throws {
        try folder.write(idxBytes(shape: [0xffff_ffff, 28, 28], elements: [1, 2, 3]), to: images)
        try expectError(
            "\(folder(images)) is cut off: its header promises 4294967295 x 28 x 28 bytes of content, and 3 are there: get "
                + "the file anew")
    }

    @Test func imagesLargerThanTheNetworksTake() throws {
        try folder.writeImages(training: 2, test: 1, size: 129)
        for (problem, possible) in [
            ("cnn", "square ones from 8 x 8 to"), ("rows", "ones from 2 x 1 to"), ("autoencoder", "ones of at most"),
        ] {
            try expectError(
                "the images of \(folder.name) have 129 x 129 pixels: the network takes \(possible) 128 x 128",
                ["--problem", "fashion-mnist-\(problem)"])
        }
    }

    @Test func imagesOfOneRow() throws {
        for (prefix, count) in [("train", 12), ("t10k", 6)] {
            let pixels = [UInt8](repeating: 7, count: count * 28)
            try folder.write(idxBytes(shape: [count, 1, 28], elements: pixels), to: "\(prefix)-images-idx3-ubyte")
        }
        try expectError(
            "the images of \(folder.name) have 1 x 28 pixels: the network takes ones from 2 x 1 to 128 x 128",
            ["--problem", "fashion-mnist-rows"])
    }

    /// The least images that are taken, all of one colour.
    @Test(arguments: [("rows", 2, 1), ("autoencoder", 1, 1), ("cnn", 8, 8)])
    func theLeastImagesAreLearnedFrom(problem: String, height: Int, width: Int) throws {
        for (prefix, count) in [("train", 3), ("t10k", 1)] {
            let pixels = [UInt8](repeating: 0, count: count * height * width)
            try folder.write(
                idxBytes(shape: [count, height, width], elements: pixels), to: "\(prefix)-images-idx3-ubyte")
            try folder.write(
                idxBytes(shape: [count], elements: [UInt8](repeating: 4, count: count)),
                to: "\(prefix)-labels-idx1-ubyte")
        }
        let result = try Tool.run(
            ["train", "--data", folder.path, "--problem", "fashion-mnist-\(problem)", "--steps", "2"], in: folder)
        #expect(result.errors == "")
        #expect(result.status == 0)
    }

    @Test func aClassOfCIFARThatIsNone() throws {
        try folder.writeCIFAR(training: 2, test: 1)
        try folder.write(cifarBytes(labels: [3, 10]), to: "data_batch_2.bin")
        try expectError(
            "\(folder("data_batch_2.bin")) has the label 10 at position 1: labels are from 0 to 9: use a data set of 10 "
                + "classes", ["--problem", "resnet20"])
    }
}
