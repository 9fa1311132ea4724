import Datasets
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct IDXFileTests {
    let folder = TemporaryFolder()

    private func read(_ bytes: [UInt8], axes: Int = 1, name: String = "file") throws -> IDXFile {
        try IDXFile(path: folder.write(bytes, to: name), axes: axes, meaning: "things")
    }

    @Test func readsShapeAndElements() throws {
        let file = try read(idxBytes(shape: [2, 3], elements: [0, 1, 2, 253, 254, 255]), axes: 2)
        #expect(file.shape == [2, 3])
        #expect(file.bytes == [0, 1, 2, 253, 254, 255])
        #expect(file.tensor.dtype == .uint8)
        #expect(file.tensor.shape == [2, 3])
        #expect(file.tensor.array(of: Int.self) == [0, 1, 2, 253, 254, 255])
    }

    @Test func readsExtentsOfSeveralBytes() throws {
        let elements = (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }
        let file = try read(idxBytes(shape: [70_000], elements: elements))
        #expect(file.shape == [70_000])
        #expect(file.bytes == elements)
    }

    @Test func readsCompressedFiles() throws {
        let elements = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let path = try compressed(idxBytes(shape: [1000, 100], elements: elements))
        let file = try IDXFile(path: path, axes: 2, meaning: "things")
        #expect(file.shape == [1000, 100])
        #expect(file.bytes == elements)
    }

    /// Content, and what is said of it.
    static let faults: [(bytes: [UInt8], message: String)] = [
        ([], "FILE is empty: get the file anew"),
        (
            [0, 0, 8],
            "FILE is cut off: it ends after 3 bytes, and the header of an IDX file has more: get the file anew"
        ),
        ([1], "FILE is cut off: it ends after 1 byte, and the header of an IDX file has more: get the file anew"),
        (
            Array("<html>".utf8),
            "FILE is not an IDX file: it begins with 3c 68 74 6d instead of 00 00 08: get the right file"
        ),
        (
            idxBytes(shape: [2], elements: [0, 0, 0, 0, 0, 0, 0, 0], type: 13),
            "FILE holds elements of the type 0d; images and labels are unsigned bytes, type 08: convert the file"
        ),
        (
            idxBytes(shape: [2, 1, 1], elements: [1, 2]),
            "FILE has 3 axes where things need 1: check that images and labels are not swapped"
        ),
        ([0, 0, 8, 1, 0, 0], "FILE is cut off: it ends after 6 bytes, within its header of 8: get the file anew"),
        (
            idxBytes(shape: [0], elements: []),
            "FILE is empty: its header says 0, and every extent must be positive: get the file anew"
        ),
        (
            idxBytes(shape: [3], elements: [1, 2]),
            "FILE is cut off: its header promises 3 bytes of content, and 2 are there: get the file anew"
        ),
        (
            idxBytes(shape: [3], elements: [1, 2, 3, 4]),
            "FILE is too long: it continues after the 3 bytes of content that its header promises: get the file anew"
        ),
        (
            idxBytes(shape: [0xffff_ffff], elements: [1]),
            "FILE is cut off: its header promises 4294967295 bytes of content, and 1 are there: get the file anew"
        ),
    ]

    @Test(arguments: faults.indices)
    func saysWhatIsWrong(index: Int) throws {
        let (bytes, message) = Self.faults[index]
        let error = #expect(throws: DatasetError.self) { _ = try read(bytes) }
        #expect(error?.description == message.replacingOccurrences(of: "FILE", with: folder("file")))
    }

    /// The product of the extents overflows; the elements are not there anyway.
    @Test func promisesBeyondMeasureTakeNoMemory() throws {
        let error = #expect(throws: DatasetError.self) {
            _ = try read(idxBytes(shape: [0xffff_ffff, 0xffff_ffff, 0xffff_ffff], elements: [1, 2]), axes: 3)
        }
        #expect(
            error?.description
                == "\(folder("file")) is cut off: its header promises 4294967295 x 4294967295 x 4294967295 bytes of "
                + "content, and 2 are there: get the file anew")
    }

    @Test func saysWhyAFileCannotBeRead() throws {
        #expect(throws: DatasetError.unreadable(folder("none"), reason: "No such file or directory")) {
            _ = try IDXFile(path: folder("none"), axes: 1, meaning: "things")
        }
        #expect(throws: DatasetError.unreadable(folder.path, reason: "Is a directory")) {
            _ = try IDXFile(path: folder.path, axes: 1, meaning: "things")
        }
    }

    @Test func saysWhatGzipSaysOfADamagedFile() throws {
        let elements = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        let path = try compressed(idxBytes(shape: [5000], elements: elements))
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))

        try folder.write(Array(bytes.dropLast(100)), to: "short.gz")
        #expect(throws: DatasetError.damagedGzip(folder("short.gz"), reason: "unexpected end of file")) {
            _ = try IDXFile(path: folder("short.gz"), axes: 1, meaning: "things")
        }
        // The checksum at the end: all elements are there, and still the file is damaged.
        bytes[bytes.count - 6] ^= 1
        try folder.write(bytes, to: "flipped.gz")
        let error = #expect(throws: DatasetError.self) {
            _ = try IDXFile(path: folder("flipped.gz"), axes: 1, meaning: "things")
        }
        #expect(error?.description.contains("flipped.gz is damaged: gzip says \"invalid compressed data") == true)

        try folder.write(Array("no gzip at all".utf8), to: "other.gz")
        #expect(throws: DatasetError.damagedGzip(folder("other.gz"), reason: "not in gzip format")) {
            _ = try IDXFile(path: folder("other.gz"), axes: 1, meaning: "things")
        }
    }

    @Test func saysThatACompressedFileIsTooLongWithoutReadingOn() throws {
        let path = try compressed(idxBytes(shape: [3], elements: [UInt8](repeating: 1, count: 3_000_000)))
        #expect(throws: DatasetError.tooLong(path, shape: [3])) {
            _ = try IDXFile(path: path, axes: 1, meaning: "things")
        }
    }

    /// Writes a file and has gzip compress it.
    private func compressed(_ bytes: [UInt8]) throws -> String {
        let path = try folder.write(bytes, to: "plain")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", path]
        try process.run()
        process.waitUntilExit()
        return path + ".gz"
    }
}
