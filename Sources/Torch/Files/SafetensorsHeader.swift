/// The header of a safetensors file: which tensors are where in the data, and some texts.
struct SafetensorsHeader {
    /// One tensor's line.
    struct Entry {
        let name: String
        let dtype: DType
        let shape: [Int]
        let begin: Int
        let end: Int
    }

    /// The tensors in the order of their data.
    let entries: [Entry]
    /// The texts.
    let metadata: [String: String]

    /// The most bytes of a header, as in the format's own library.
    static let largestSize = 100_000_000

    /// The most axes that tensors can have.
    private static let mostAxes = 64

    /// The length of the header of a file.
    ///
    /// - Parameters:
    ///   - prefix: The first 8 bytes, or all there are.
    ///   - byteCount: The length of the file.
    static func size(_ prefix: some Collection<UInt8>, of byteCount: Int) throws(SafetensorsError) -> Int {
        guard prefix.count == 8 else {
            throw SafetensorsError("it has \(prefix.count) bytes, fewer than the 8 of a header's length")
        }
        let size = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard size <= UInt64(max(0, byteCount - 8)) else {
            throw SafetensorsError("its header claims \(size) bytes, but \(byteCount - 8) follow")
        }
        guard size <= largestSize else {
            throw SafetensorsError("its header has \(size) bytes, and \(largestSize) are the most that one may have")
        }
        return Int(size)
    }

    /// Reads a header.
    ///
    /// - Parameter dataCount: The number of bytes behind the header, which the tensors must cover without gap or
    ///   overlap.
    init(json: [UInt8], dataCount: Int) throws(SafetensorsError) {
        var lines: [Line] = []
        var metadata: [String: String]? = [:]
        var scanner = JSONScanner(json)
        do {
            try scanner.object { (scanner, name) throws(JSONScanner.Fault) in
                if name == "__metadata__" {
                    metadata = try Self.texts(&scanner)
                } else {
                    lines.append(try Line(name: name, &scanner))
                }
            }
            try scanner.expectEnd()
        } catch {
            throw SafetensorsError("its header is not a JSON object of this format: \(error.reason)")
        }
        guard let metadata else { throw SafetensorsError("its __metadata__ holds something else than texts") }
        self.metadata = metadata

        var entries: [Entry] = []
        entries.reserveCapacity(lines.count)
        for line in lines { entries.append(try Self.entry(line)) }
        entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        var position = 0
        for entry in entries {
            guard entry.begin == position else {
                throw SafetensorsError("the data of '\(entry.name)' begins at byte \(entry.begin), not \(position)")
            }
            position = entry.end
        }
        guard position == dataCount else {
            throw SafetensorsError("its header describes \(position) bytes of data, but \(dataCount) are there")
        }
        self.entries = entries
    }

    /// Reads an object of texts; nil if it is something else.
    private static func texts(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> [String: String]? {
        guard scanner.peek() == UInt8(ascii: "{") else {
            try scanner.skip()
            return nil
        }
        var texts: [String: String]? = [:]
        try scanner.object { (scanner, name) throws(JSONScanner.Fault) in
            if let text = try scanner.textIfAny() { texts?[name] = text } else { texts = nil }
        }
        return texts
    }

    private static func entry(_ line: Line) throws(SafetensorsError) -> Entry {
        let name = line.name
        guard let code = line.dtype, let shape = line.shape, let offsets = line.offsets, offsets.count == 2 else {
            throw SafetensorsError("the header's entry '\(name)' lacks dtype, shape or data_offsets")
        }
        guard let dtype = Safetensors.codes.first(where: { $0.value == code })?.key else {
            let known = Safetensors.codes.values.sorted().joined(separator: ", ")
            throw SafetensorsError("'\(name)' has the element type \(code); only \(known) can be read")
        }
        guard shape.count <= mostAxes else {
            throw SafetensorsError("'\(name)' has \(shape.count) axes; at most \(mostAxes) can be read")
        }
        guard let count = Tensor.elementCount(shape) else {
            throw SafetensorsError("the shape \(shape) of '\(name)' is negative or too large")
        }
        let size = count * dtype.byteCount
        let (length, overflow) = offsets[1].subtractingReportingOverflow(offsets[0])
        guard offsets[0] >= 0, !overflow, length == size else {
            throw SafetensorsError("'\(name)' of shape \(shape) needs \(size) bytes, but has the place \(offsets)")
        }
        return Entry(name: name, dtype: dtype, shape: shape, begin: offsets[0], end: offsets[1])
    }

    /// The entry of a tensor, as far as it has the right form.
    private struct Line {
        let name: String
        var dtype: String?
        var shape: [Int]?
        var offsets: [Int]?

        init(name: String, _ scanner: inout JSONScanner) throws(JSONScanner.Fault) {
            self.name = name
            guard scanner.peek() == UInt8(ascii: "{") else {
                try scanner.skip()
                return
            }
            var (dtype, shape, offsets): (String?, [Int]?, [Int]?)
            try scanner.object { (scanner, key) throws(JSONScanner.Fault) in
                switch key {
                case "dtype": dtype = try scanner.textIfAny()
                case "shape": shape = try scanner.integersIfAny()
                case "data_offsets": offsets = try scanner.integersIfAny()
                default: try scanner.skip()
                }
            }
            (self.dtype, self.shape, self.offsets) = (dtype, shape, offsets)
        }
    }
}
