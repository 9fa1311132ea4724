import Checksums
public import Torch

/// Colour images and their classes from a file in the binary format of CIFAR-10.
///
/// One record after the other and nothing else: a byte with the class, from 0 to 9, then the pixels of an image of 32 x
/// 32, a byte each: all of the red channel, row by row, then green, then blue (Krizhevsky 2009).
public struct CIFARFile: Sendable {
    /// The images, uint8 [count, 3, 32, 32].
    public let images: Tensor
    /// The classes, int64 [count].
    public let labels: Tensor
    /// The SHA-256 of the file, in hexadecimal.
    let checksum: String

    /// The number of classes.
    public static let classes = 10

    /// The extents of an image.
    static let imageShape = [3, 32, 32]

    /// The bytes of a record.
    static let recordSize = 1 + 3 * 32 * 32

    /// The most records that a file may have; CIFAR-10's have 10,000, and nothing says how many to expect.
    static let largestCount = 100_000

    /// Reads a file.
    ///
    /// - Throws: ``DatasetError`` if the file cannot be read, is not made of whole records, or has a class out of
    ///   range.
    public init(path: String) throws(DatasetError) {
        let largestSize = Self.recordSize * Self.largestCount
        let stream = try ByteStream(path: path)
        if let found = stream.byteCount, found > largestSize { throw .notCIFAR(path, found: found) }
        let bytes = try stream.read(largestSize + 1)
        let count = bytes.count / Self.recordSize
        guard count > 0, count <= Self.largestCount, bytes.count.isMultiple(of: Self.recordSize) else {
            throw .notCIFAR(path, found: bytes.count)
        }
        for index in 0..<count where Int(bytes[index * Self.recordSize]) >= Self.classes {
            let label = Int(bytes[index * Self.recordSize])
            throw .label(path, index: index, label: label, classes: Self.classes)
        }
        checksum = SHA256.hexDigest(of: bytes)
        let records = bytes.withUnsafeBytes { Tensor(bytes: $0, dtype: .uint8, shape: [count, Self.recordSize]) }
        labels = records[.all, 0].to(.int64)
        images = records[.all, 1...].reshaped([count] + Self.imageShape)
    }

    /// The number of images.
    public var count: Int { labels.count }
}
