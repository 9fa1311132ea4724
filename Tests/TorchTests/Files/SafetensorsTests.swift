import Foundation
import TestSupport
import Testing
import Torch

/// The bytes of a file with a header and data, as any writer may lay them out.
func safetensorsFile(header: String, data: [UInt8] = [], claiming length: UInt64? = nil) -> Data {
    let length = length ?? UInt64(header.utf8.count)
    return withUnsafeBytes(of: length.littleEndian) { Data($0) } + Data(header.utf8) + Data(data)
}

@Suite("Safetensors")
struct SafetensorsTests {
    static let tensors: [Tensor] = [
        Tensor([Float.pi, -0.0, .infinity]), Tensor([Double.pi, .leastNonzeroMagnitude], shape: [2, 1]),
        Tensor([Int.min, Int.max]), Tensor([Int32.min, 5]), Tensor([UInt8(0), 255, 7]), Tensor([true, false, true]),
        Tensor(2.5), Tensor.zeros([0]), Tensor.zeros([2, 0, 3], dtype: .int64),
        Tensor.range(0..<24).reshaped([2, 3, 4])[.all, 1..., .every(3)].transposed(),
        Tensor([1.0, 2]).requiringGradient(),
    ]

    @Test(arguments: tensors) func tensorsComeBack(_ tensor: Tensor) throws {
        let read = try Safetensors(data: Safetensors(tensors: ["x": tensor]).encoded())
        let back = try #require(read.tensors["x"])
        #expect(read.tensors.count == 1 && read.metadata.isEmpty)
        #expect(back.dtype == tensor.dtype && back.shape == tensor.shape && !back.requiresGradient)
        #expect(back.array(of: Double.self) == tensor.array(of: Double.self))
        #expect(back.array(of: Int.self) == tensor.array(of: Int.self) || tensor.dtype.isFloatingPoint)
    }

    @Test func everythingComesBackFromAFile() throws {
        var written = Safetensors(tensors: [:], metadata: ["format": "pt", "Grüße \"/\\\n": "🦆"])
        for (index, tensor) in Self.tensors.enumerated() { written.tensors["layer.\(index)/é\""] = tensor }
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("an older file".utf8).write(to: file)
        try written.write(to: file)
        let read = try Safetensors(contentsOf: file)
        #expect(read.metadata == written.metadata)
        #expect(Set(read.tensors.keys) == Set(written.tensors.keys))
        for (name, tensor) in written.tensors {
            expectClose(try #require(read.tensors[name]).isFinite(), tensor.isFinite())
        }
        #expect(read.encoded() == written.encoded())
    }

    @Test func bytesAreTheSameEachTime() {
        let names = (0..<20).map { "parameter\($0)" }
        let files = [names, names.reversed(), names.shuffled()].map { names in
            var file = Safetensors(tensors: [:], metadata: ["b": "1", "a": "2"])
            for name in names { file.tensors[name] = Tensor([UInt8(name.utf8.count)]) }
            return file.encoded()
        }
        #expect(files.allSatisfy { $0 == files[0] })
    }

    @Test func layoutIsTheOneOfTheFormat() {
        let file = Safetensors(tensors: ["b": Tensor([UInt8(9)]), "a": Tensor([true]), "c": Tensor([Float(1)])])
        let header =
            #"{"a":{"data_offsets":[4,5],"dtype":"BOOL","shape":[1]},"b":{"data_offsets":[5,6],"dtype":"U8","#
            + #""shape":[1]},"c":{"data_offsets":[0,4],"dtype":"F32","shape":[1]}}"#
        let padded = header.padding(toLength: (header.count + 7) / 8 * 8, withPad: " ", startingAt: 0)
        #expect(file.encoded() == safetensorsFile(header: padded, data: [0, 0, 128, 63, 1, 9]))
    }

    @Test func filesOfOthersAreRead() throws {
        // As Python's package writes it: any order of keys, spaces at the end, data in the order of the offsets.
        let header =
            #"{"__metadata__":{"format":"pt"},"w":{"dtype":"F64","shape":[2,1],"data_offsets":[0,16]},"#
            + #""n":{"shape":[],"dtype":"I32","data_offsets":[16,20]},"e":{"dtype":"F32","shape":[0,4],"#
            + #""data_offsets":[20,20]}}     "#
        let data: [UInt8] = [0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 0, 192, 254, 255, 255, 255]
        let read = try Safetensors(data: safetensorsFile(header: header, data: data))
        #expect(read.metadata == ["format": "pt"])
        #expect(read.tensors["w"]?.array() == [1.0, -2])
        #expect(read.tensors["w"]?.shape == [2, 1])
        #expect(read.tensors["n"]?.array() == [Int32(-2)])
        #expect(read.tensors["n"]?.shape == [])
        #expect(read.tensors["e"]?.shape == [0, 4])
    }

    @Test func slicesOfDataAreRead() throws {
        let encoded = Safetensors(tensors: ["x": Tensor([1.0, 2])]).encoded()
        let slice = (Data([1, 2, 3]) + encoded)[3...]
        #expect(try Safetensors(data: slice).tensors["x"]?.array() == [1.0, 2])
    }

    @Test func nothingIsAFileToo() throws {
        let read = try Safetensors(data: Safetensors(tensors: [:]).encoded())
        #expect(read.tensors.isEmpty && read.metadata.isEmpty)
    }

    @Test func theFileIsNamedInErrors() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data([1, 2, 3]).write(to: file)
        let error = try #require(throws: SafetensorsError.self) { try Safetensors(contentsOf: file) }
        #expect(error.file == file.path)
        #expect("\(error)".hasPrefix("\(file.path) is not a safetensors file that can be read: it has 3 bytes"))
        let missing = file.appendingPathExtension("missing")
        #expect(throws: FileError.self) { try Safetensors(contentsOf: missing) }
    }
}
