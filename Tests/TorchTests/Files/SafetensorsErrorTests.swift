import Foundation
import TestSupport
import Testing
import Torch

@Suite("Damaged safetensors")
struct SafetensorsErrorTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let file: [UInt8]
        let reason: String

        init(_ name: String, _ file: Data, _ reason: String) {
            testDescription = name
            self.file = Array(file)
            self.reason = reason
        }

        /// A file with this header and data.
        init(_ name: String, header: String, data: [UInt8] = [], _ reason: String) {
            self.init(name, safetensorsFile(header: header, data: data), reason)
        }
    }

    /// The header of one tensor.
    private static func entry(dtype: String = #""U8""#, shape: String, offsets: String) -> String {
        #"{"x":{"dtype":\#(dtype),"shape":\#(shape),"data_offsets":\#(offsets)}}"#
    }

    private static let two =
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#
    private static let gap =
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}"#

    static let damages: [Damage] = [
        Damage("empty", Data(), "0 bytes"),
        Damage("shorter than a length", Data([1, 0, 0]), "3 bytes"),
        Damage("header cut off", safetensorsFile(header: "{", claiming: 2), "claims 2 bytes, but 1 follow"),
        Damage("huge header", safetensorsFile(header: "{}", claiming: .max), "claims 18446744073709551615 bytes"),
        Damage("no header", safetensorsFile(header: ""), "not a JSON object"),
        Damage("not JSON", header: "{x}", "not a JSON object"),
        Damage("not an object", header: "[1,2]", "not a JSON object"),
        Damage("not text", safetensorsFile(header: "", data: [255, 254], claiming: 2), "not a JSON object"),
        Damage("deeply nested", header: String(repeating: "[", count: 100_000), "not a JSON object"),
        Damage("deeply nested inside", header: #"{"x":"# + String(repeating: "[", count: 100_000), "not a JSON object"),
        Damage(
            "objects nested inside", header: String(repeating: #"{"x":"#, count: 100_000), "less than 64 levels"),
        Damage("a name twice", header: #"{"x":1,"x":2}"#, "it has the key 'x' twice"),
        Damage("a name twice, written differently", header: "{\"e\u{301}\":1,\"\u{e9}\":2}", "twice"),
        Damage("a shape twice", header: #"{"x":{"shape":[1],"shape":[0]}}"#, "the key 'shape' twice"),
        Damage("metadata twice", header: #"{"__metadata__":{"a":"1","a":"2"}}"#, "the key 'a' twice"),
        Damage("more behind the header", header: "{}{}", "the end should be at its byte 2"),
        Damage("a comma too many", header: #"{"x":1,}"#, "not a JSON object"),
        Damage("leading zeros", header: entry(shape: "[01]", offsets: "[0,1]"), data: [1], "leading zeros"),
        Damage("half a pair", header: #"{"\ud800":1}"#, "the escape at its byte 4"),
        Damage("two first halves", header: #"{"\ud800\ud800":1}"#, "the escape at its byte 4"),
        Damage(
            "a name that is no text", safetensorsFile(header: "", data: Array("{\"".utf8) + [255, 34], claiming: 4),
            "UTF-8"),
        Damage(
            "a whole number with a fraction", header: entry(shape: "[1.0]", offsets: "[0,1]"), data: [1], "'x' lacks"),
        Damage("a truth value", header: entry(shape: "[true]", offsets: "[0,1]"), data: [1], "'x' lacks"),
        Damage(
            "least and greatest offset", header: entry(shape: "[1]", offsets: "[\(Int.min),\(Int.max)]"), "the place"),
        Damage(
            "too many axes",
            header: entry(shape: "[\(Array(repeating: "1", count: 65).joined(separator: ","))]", offsets: "[0,1]"),
            data: [1], "'x' has 65 axes; at most 64 can be read"),
        Damage("metadata of numbers", header: #"{"__metadata__":{"a":1}}"#, "__metadata__"),
        Damage("metadata that is a text", header: #"{"__metadata__":"a"}"#, "__metadata__"),
        Damage("an entry that is a number", header: #"{"x":1}"#, "'x' lacks"),
        Damage("no offsets", header: #"{"x":{"dtype":"U8","shape":[0]}}"#, "'x' lacks"),
        Damage("three offsets", header: entry(shape: "[0]", offsets: "[0,0,0]"), "'x' lacks"),
        Damage("type that is a number", header: entry(dtype: "8", shape: "[0]", offsets: "[0,0]"), "'x' lacks"),
        Damage("unknown type", header: entry(dtype: #""F8_E4M3""#, shape: "[0]", offsets: "[0,0]"), "F8_E4M3"),
        Damage("shape of texts", header: entry(shape: #"["1"]"#, offsets: "[0,1]"), data: [1], "'x' lacks"),
        Damage("broken extent", header: entry(shape: "[1.5]", offsets: "[0,1]"), data: [1], "'x' lacks"),
        Damage("negative extent", header: entry(shape: "[-1]", offsets: "[0,1]"), data: [1], "negative"),
        Damage("two negative extents", header: entry(shape: "[-1,-1]", offsets: "[0,1]"), data: [1], "negative"),
        Damage("enormous extent", header: entry(shape: "[1e300]", offsets: "[0,1]"), data: [1], "'x' lacks"),
        Damage("beyond 64 bits", header: entry(shape: "[99999999999999999999]", offsets: "[0,1]"), "'x' lacks"),
        Damage("product too large", header: entry(shape: "[4294967296,4294967296]", offsets: "[0,0]"), "too large"),
        Damage(
            "too large beside zero", header: entry(shape: "[0,4611686018427387904,4]", offsets: "[0,0]"), "too large"),
        Damage("shape without its data", header: entry(shape: "[9000000000]", offsets: "[0,1]"), data: [1], "needs"),
        Damage("negative offsets", header: entry(shape: "[1]", offsets: "[-1,0]"), data: [1], "has the place"),
        Damage("offsets backwards", header: entry(shape: "[1]", offsets: "[1,0]"), data: [1], "has the place"),
        Damage("extreme offsets", header: entry(shape: "[1]", offsets: "[0,\(Int.max)]"), data: [1], "has the place"),
        Damage("data cut off", header: entry(shape: "[3]", offsets: "[0,3]"), data: [1, 2], "describes 3 bytes"),
        Damage("data left over", header: entry(shape: "[1]", offsets: "[0,1]"), data: [1, 2], "describes 1 bytes"),
        Damage("data without a tensor", header: "{}", data: [1], "describes 0 bytes"),
        Damage("late start", header: entry(shape: "[1]", offsets: "[1,2]"), data: [1, 2], "begins at byte 1, not 0"),
        Damage("overlap", header: two, data: [1, 2, 3], "begins at byte 1, not 2"),
        Damage("gap", header: gap, data: [1, 2, 3], "begins at byte 2, not 1"),
    ]

    @Test(arguments: damages) func damageIsTold(_ damage: Damage) throws {
        let error = try #require(throws: SafetensorsError.self) { try Safetensors(data: Data(damage.file)) }
        #expect(error.file == nil)
        #expect(error.reason.contains(damage.reason), "\(error.reason)")
    }

    /// As many axes as are allowed can be used, too.
    @Test(arguments: ["U8", "BOOL"]) func manyAxesAreRead(type: String) throws {
        let shape = "[\(Array(repeating: "1", count: 64).joined(separator: ","))]"
        let header = Self.entry(dtype: "\"\(type)\"", shape: shape, offsets: "[0,1]")
        let read = try Safetensors(data: safetensorsFile(header: header, data: [1]))
        #expect(read.tensors["x"]?.rank == 64)
        #expect(try Safetensors(data: read.encoded()).tensors["x"]?.scalar == 1)
    }

    /// A header longer than any is not read, though all of it is there: a file with a hole.
    @Test func aHeaderBeyondMeasureIsRefused() throws {
        let folder = TemporaryFolder()
        let path = try folder.write(safetensorsFile(header: "{}", claiming: 1 << 40), to: "file")
        #expect(truncate(path, 1 << 41) == 0)
        let error = try #require(throws: SafetensorsError.self) { try Safetensors(contentsOf: URL(filePath: path)) }
        #expect(error.reason == "its header has 1099511627776 bytes, and 100000000 are the most that one may have")
    }

    @Test func onlyRegularFilesAreRead() throws {
        let folder = TemporaryFolder()
        #expect(mkfifo(folder("pipe"), 0o600) == 0)
        for (path, reason) in [
            (folder("pipe"), "it is a pipe, and a regular file is needed"), (folder.path, "Is a directory"),
            (folder("none"), "No such file or directory"),
            ("/dev/zero", "it is a device, and a regular file is needed"),
        ] {
            let error = try #require(throws: FileError.self) { try Safetensors(contentsOf: URL(filePath: path)) }
            #expect(error.reason == reason)
            #expect("\(error)" == "\(path) cannot be read: \(reason)")
        }
    }

    @Test func everyTruncationIsFound() {
        let file = Safetensors(tensors: ["a": Tensor([1.0, 2]), "b": Tensor([UInt8(3)])]).encoded()
        for length in 0..<file.count {
            #expect(throws: SafetensorsError.self) { try Safetensors(data: file.prefix(length)) }
        }
    }

    /// Changes, inserts or removes bytes of a good file many times: reading throws or gives what the file can hold.
    @Test(arguments: 1...4 as ClosedRange<UInt64>) func mutatedFilesAreReadOrRefused(_ seed: UInt64) {
        var random = Mutations(state: seed)
        let original = Safetensors(
            tensors: [
                "weight": Tensor.ones([8, 8]), "n": Tensor([7]), "mask": Tensor([true, false]),
                "none": Tensor.zeros([0]),
            ], metadata: ["format": "pt"]
        ).encoded()
        var read = 0
        var refused = 0
        for _ in 0..<500 {
            var file = original
            for _ in 0...random.next(2) { random.mutate(&file) }
            do {
                let result = try Safetensors(data: file)
                read += 1
                let bytes = result.tensors.values.map { $0.count * $0.dtype.byteCount }.reduce(0, +)
                #expect(bytes <= file.count)
                for tensor in result.tensors.values { _ = tensor.array(of: Double.self) }
                #expect(throws: Never.self) { try Safetensors(data: result.encoded()) }
            } catch {
                refused += 1
                #expect(!error.reason.isEmpty)
            }
        }
        // Both ways are taken, or the mutations are not worth much.
        #expect(read > 50 && refused > 50)
    }

    /// A deterministic source of damage (a linear congruential generator with its upper bits).
    private struct Mutations {
        var state: UInt64

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }

        mutating func mutate(_ file: inout Data) {
            guard !file.isEmpty else { return }
            let place = next(file.count)
            let symbols = Array("0123456789-,[]{}\"e. ".utf8)
            switch next(12) {
            case 0..<4: file[place] = UInt8(next(256))
            case 4..<7: file[place] ^= 1 << next(8)
            case 7..<9: file[place] = symbols[next(symbols.count)]
            case 9: file.insert(symbols[next(symbols.count)], at: place)
            case 10: file.remove(at: place)
            default: file.append(UInt8(next(256)))
            }
        }
    }
}
