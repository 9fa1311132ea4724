import Checksums
public import Torch

/// An array of unsigned bytes from a file in the IDX format: the format of MNIST and of its relatives.
///
/// Two zero bytes, the element type (08: unsigned bytes), the number of axes; the extent of each axis in four bytes,
/// the most significant first; the elements in row-major order, and nothing else.
public struct IDXFile: Sendable {
    /// The extent of each axis.
    public let shape: [Int]
    /// The elements, in row-major order.
    public let bytes: [UInt8]

    /// Reads a file; one whose name ends in `.gz` is decompressed by the program gzip.
    ///
    /// The header is compared with what is there, to the byte, and memory is taken only for what is there.
    ///
    /// - Parameters:
    ///   - axes: The number of axes that the file must have.
    ///   - meaning: What such axes describe, in the plural, for the message: "images", "labels".
    public init(path: String, axes: Int, meaning: String) throws(DatasetError) {
        let stream = try ByteStream(path: path)
        let magic = try stream.read(4)
        guard magic.count == 4, magic[0] == 0, magic[1] == 0 else {
            // Gzip's error for a damaged file explains its missing bytes.
            if magic.count < 4 { try stream.finish() }
            throw .notIDX(path, found: magic)
        }
        guard magic[2] == 8 else { throw .elementType(path, code: magic[2]) }
        guard magic[3] == axes else { throw .axes(path, found: Int(magic[3]), expected: axes, meaning: meaning) }

        let header = try stream.read(4 * axes)
        guard header.count == 4 * axes else {
            try stream.finish()
            throw .truncatedHeader(path, found: 4 + header.count, expected: 4 + 4 * axes)
        }
        shape = (0..<axes).map { axis in header[4 * axis..<4 * axis + 4].reduce(0) { $0 << 8 | Int($1) } }
        guard shape.allSatisfy({ $0 > 0 }) else { throw .empty(path, shape: shape) }

        // Four extents of 32 bits can overflow; no file is that long.
        let count = shape.reduce(1) { count, extent in
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            return overflow ? .max : product
        }
        // Bytes that a plain file cannot hold are not even looked for.
        if let there = stream.byteCount, there - 4 - 4 * axes < count {
            throw .truncated(path, shape: shape, found: max(0, there - 4 - 4 * axes))
        }
        bytes = try stream.read(count)
        guard bytes.count == count else {
            try stream.finish()
            throw .truncated(path, shape: shape, found: bytes.count)
        }
        guard try stream.read(1).isEmpty else { throw .tooLong(path, shape: shape) }
        try stream.finish()
    }

    /// The elements as a tensor of type uint8.
    public var tensor: Tensor { bytes.withUnsafeBytes { Tensor(bytes: $0, dtype: .uint8, shape: shape) } }

    /// The SHA-256 of the file (of the plain one where it is compressed), in hexadecimal.
    ///
    /// Costs 4 ms for each megabyte.
    var checksum: String {
        var hash = SHA256()
        hash.update([0, 0, 8, UInt8(shape.count)])
        hash.update(shape.flatMap { extent in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: extent >> $0) } })
        hash.update(bytes)
        return hash.hexDigest()
    }
}
