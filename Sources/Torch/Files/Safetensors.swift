public import Foundation

/// Named tensors in the safetensors format: a JSON header, then raw little-endian data.
///
/// The format: 8 bytes with the header's length, the header (`{"name": {"dtype", "shape", "data_offsets"}}`, with
/// texts under `__metadata__`), the data without gaps. Reading checks every offset before it touches the data, so a
/// damaged or hostile file gives a ``SafetensorsError``, and no memory is taken for what is claimed and not there.
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

    /// Reads a file, which must not be written meanwhile.
    ///
    /// The file is read, not mapped: where another program cuts it off, this throws.
    ///
    /// - Throws: ``FileError`` if the file cannot be read, ``SafetensorsError`` if it is not well formed.
    public init(contentsOf file: URL) throws {
        let input = try InputFile(path: file.path)
        do {
            let size = try SafetensorsHeader.size(input.read(8), of: input.byteCount)
            let header = try SafetensorsHeader(json: input.read(size), dataCount: input.byteCount - 8 - size)
            self.init(tensors: [:], metadata: header.metadata)
            for entry in header.entries {
                let bytes = try input.read(entry.end - entry.begin)
                guard bytes.count == entry.end - entry.begin else {
                    throw SafetensorsError("it was cut off within '\(entry.name)' while it was read")
                }
                tensors[entry.name] = bytes.withUnsafeBytes {
                    Tensor(bytes: $0, dtype: entry.dtype, shape: entry.shape)
                }
            }
        } catch let error as SafetensorsError {
            throw SafetensorsError(file: file.path, reason: error.reason)
        }
    }

    /// Reads the contents of a file.
    ///
    /// - Throws: ``SafetensorsError`` if they are not well formed.
    public init(data: Data) throws(SafetensorsError) {
        let size = try SafetensorsHeader.size(data.prefix(8), of: data.count)
        let start = data.startIndex + 8
        let body = data[(start + size)...]
        let header = try SafetensorsHeader(json: Array(data[start..<start + size]), dataCount: body.count)
        self.init(tensors: [:], metadata: header.metadata)
        for entry in header.entries {
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
                "dtype": Self.codes[tensor.dtype]!, "shape": tensor.shape,
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

    /// The contents of a file, once it is known that there is memory for them.
    ///
    /// - Throws: ``MemoryFault``.
    package func encodedInMemory() throws(MemoryFault) -> Data {
        let size = tensors.values.reduce(0) { $0 + $1.count * $1.dtype.byteCount }
        // The body while it grows, and once more behind the header.
        try MemoryFault.require(3 * size, for: "Safetensors.encoded")
        let data = encoded()
        try MemoryFault.check()
        return data
    }

    /// Writes a file; an existing one is replaced only when the new one is complete.
    ///
    /// - Throws: ``MemoryFault`` if there is not enough memory for a copy; ``FileWriteError`` if the system
    ///   refuses.
    public func write(to file: URL) throws { try OutputFile.replace(file.path, with: encodedInMemory()) }

    /// The format's names of the element types.
    static let codes: [DType: String] = [
        .float32: "F32", .float64: "F64", .int64: "I64", .int32: "I32", .uint8: "U8", .bool: "BOOL",
        .bfloat16: "BF16",
    ]
}
