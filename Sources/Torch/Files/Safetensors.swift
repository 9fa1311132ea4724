public import Foundation

/// Named tensors in the safetensors format: a JSON header, then raw little-endian data.
///
/// The format: 8 bytes with the header's length, the header (`{"name": {"dtype", "shape", "data_offsets"}}`, with
/// texts under `__metadata__`), the data without gaps. Reading checks every offset before it touches the data, so a
/// damaged or hostile file gives a ``SafetensorsError`` and never more memory than the file is long.
public struct Safetensors: Sendable {
    /// The tensors by name.
    public var tensors: [String: Tensor]
    /// Free texts by name.
    public var metadata: [String: String]

    /// Creates a collection to be written.
    public init(tensors: [String: Tensor], metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// Reads a file.
    ///
    /// - Throws: ``SafetensorsError`` where the file is not well formed; Foundation's errors where it cannot be read.
    public init(contentsOf file: URL) throws {
        do {
            try self.init(data: Data(contentsOf: file, options: .mappedIfSafe))
        } catch let error as SafetensorsError {
            throw SafetensorsError(file: file.path, reason: error.reason)
        }
    }

    /// Reads the contents of a file.
    ///
    /// - Throws: ``SafetensorsError`` where they are not well formed.
    public init(data: Data) throws(SafetensorsError) {
        let (header, body) = try Safetensors.split(data)
        var entries: [Entry] = []
        metadata = [:]
        for (name, value) in header {
            if name == "__metadata__" {
                guard let texts = value as? [String: String] else {
                    throw SafetensorsError("its __metadata__ holds something else than texts")
                }
                metadata = texts
            } else {
                entries.append(try Entry(name: name, json: value))
            }
        }

        // The entries must cover the data exactly: no gap, no overlap, nothing beyond the end.
        entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        var position = 0
        for entry in entries {
            guard entry.begin == position else {
                throw SafetensorsError("the data of '\(entry.name)' begins at byte \(entry.begin), not \(position)")
            }
            position = entry.end
        }
        guard position == body.count else {
            throw SafetensorsError("its header describes \(position) bytes of data, but \(body.count) are there")
        }

        tensors = [:]
        for entry in entries {
            let start = body.startIndex + entry.begin
            tensors[entry.name] = body[start..<start + entry.end - entry.begin].withUnsafeBytes {
                Tensor(bytes: $0, dtype: entry.dtype, shape: entry.shape)
            }
        }
    }

    /// The contents of a file, the same bytes each time; no tensor may have the name "__metadata__".
    ///
    /// Large elements come first, then the order is that of the names: so each tensor begins at a multiple of its
    /// elements' size, which some readers need.
    public func encoded() -> Data {
        guard tensors["__metadata__"] == nil else {
            fatalError("Safetensors.encoded: the name '__metadata__' is not for tensors")
        }
        var header: [String: Any] = [:]
        if !metadata.isEmpty { header["__metadata__"] = metadata }
        var body = Data()
        let order = tensors.map { (size: -$1.dtype.byteCount, name: $0, tensor: $1) }
        for (_, name, tensor) in order.sorted(by: { ($0.size, $0.name) < ($1.size, $1.name) }) {
            let bytes = tensor.bytes()
            header[name] = [
                "dtype": Entry.codes[tensor.dtype]!, "shape": tensor.shape,
                "data_offsets": [body.count, body.count + bytes.count],
            ]
            body.append(bytes)
        }
        // Strings, whole numbers, arrays and dictionaries of them: always valid JSON.
        var json = try! JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
        // Spaces at the end of the header align the data.
        while json.count % 8 != 0 { json.append(0x20) }
        let length = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
        return length + json + body
    }

    /// Writes a file; an existing one is replaced only when the new one is complete.
    public func write(to file: URL) throws {
        try encoded().write(to: file, options: .atomic)
    }

    /// Separates the header from the data behind it.
    private static func split(_ data: Data) throws(SafetensorsError) -> (header: [String: Any], body: Data) {
        guard data.count >= 8 else {
            throw SafetensorsError("it has \(data.count) bytes, fewer than the 8 of a header's length")
        }
        let length = data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(data.count - 8) else {
            throw SafetensorsError("its header claims \(length) bytes, but \(data.count - 8) follow")
        }
        let start = data.startIndex + 8
        let json = data[start..<start + Int(length)]
        guard let header = (try? JSONSerialization.jsonObject(with: json)) as? [String: Any] else {
            throw SafetensorsError("its header is not a JSON object")
        }
        return (header, data[(start + Int(length))...])
    }
}

extension Safetensors {
    /// One tensor's line in the header.
    private struct Entry {
        let name: String
        let dtype: DType
        let shape: [Int]
        let begin: Int
        let end: Int

        static let codes: [DType: String] = [
            .float32: "F32", .float64: "F64", .int64: "I64", .int32: "I32", .uint8: "U8", .bool: "BOOL",
        ]

        init(name: String, json: Any) throws(SafetensorsError) {
            guard let fields = json as? [String: Any], let code = fields["dtype"] as? String,
                let shape = fields["shape"] as? [Int], let offsets = fields["data_offsets"] as? [Int],
                offsets.count == 2
            else { throw SafetensorsError("the header's entry '\(name)' lacks dtype, shape or data_offsets") }
            guard let dtype = Entry.codes.first(where: { $0.value == code })?.key else {
                let known = Entry.codes.values.sorted().joined(separator: ", ")
                throw SafetensorsError("'\(name)' has the element type \(code); only \(known) can be read")
            }
            guard let count = Tensor.elementCount(shape) else {
                throw SafetensorsError("the shape \(shape) of '\(name)' is negative or too large")
            }
            let size = count * dtype.byteCount
            guard offsets[0] >= 0, offsets[1] >= offsets[0], offsets[1] - offsets[0] == size else {
                throw SafetensorsError("'\(name)' of shape \(shape) needs \(size) bytes, but has the place \(offsets)")
            }
            self.name = name
            self.dtype = dtype
            self.shape = shape
            begin = offsets[0]
            end = offsets[1]
        }
    }
}

/// Why a safetensors file could not be read.
public struct SafetensorsError: Error, Hashable, CustomStringConvertible {
    /// The file, where there is one.
    public let file: String?
    /// What is wrong with it.
    public let reason: String

    init(file: String? = nil, reason: String) {
        self.file = file
        self.reason = reason
    }

    fileprivate init(_ reason: String) { self.init(reason: reason) }

    /// One sentence with the file and the reason.
    public var description: String {
        "\(file ?? "the data") is not a safetensors file that can be read: \(reason)"
    }
}
