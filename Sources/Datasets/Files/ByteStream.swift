import Foundation
import Torch

/// The bytes of a file, or those that gzip makes of it, read from the beginning.
final class ByteStream {
    private let file: InputFile
    private let decompressor: Decompressor?
    /// The most bytes that a compressed file may expand to.
    private let limit: UInt64

    /// Opens a file; a name that ends in `.gz` is decompressed by the program gzip.
    ///
    /// - Parameter limit: The most bytes that a compressed file may expand to, whatever its header says: by default
    ///   half of the memory.
    init(path: String, limit: UInt64 = ProcessInfo.processInfo.physicalMemory / 2) throws(DatasetError) {
        self.limit = limit
        do { file = try InputFile(path: path) } catch { throw DatasetError(error) }
        decompressor = path.hasSuffix(".gz") ? try Decompressor(file) : nil
    }

    deinit { decompressor?.stop() }

    /// The length of the file; nil if it is compressed, and what is read of it may be longer.
    var byteCount: Int? { decompressor == nil ? file.byteCount : nil }

    /// Reads `count` bytes, or as many as there are.
    func read(_ count: Int) throws(DatasetError) -> [UInt8] {
        do {
            guard let decompressor else { return try file.read(count) }
            return try decompressor.read(count, limit: limit)
        } catch { throw DatasetError(error) }
    }

    /// Checks, at the end of the bytes, that they were all; a damaged compressed file ends early.
    func finish() throws(DatasetError) { try decompressor?.finish() }
}
