import Datasets
import Foundation
import Torch

extension FuzzTarget {
    /// The readers of data files.
    static let files: [FuzzTarget] = [
        idx("idx", in: "file", executions: 3000), idx("idx-gz", in: "file.gz", executions: 150), cifar, safetensors,
    ]

    private static func idx(_ name: String, in file: String, executions: Int) -> FuzzTarget {
        let scratch = ScratchFile(file)
        return FuzzTarget(name, executions: executions, refusals: [DatasetError.self]) { bytes in
            let path = try scratch(bytes)
            // Both kinds of files; what is no file at all fails for both.
            for (axes, meaning) in [(3, "images"), (1, "labels")] {
                do {
                    let file = try IDXFile(path: path, axes: axes, meaning: meaning)
                    try require(file.bytes.count == file.shape.reduce(1, *), "\(file.shape) and \(file.bytes.count)")
                    try require(file.shape.count == axes && file.shape.min()! > 0, "\(file.shape)")
                    try require(file.tensor.shape == file.shape, "\(file.shape) and \(file.tensor.shape)")
                    return
                } catch let error as DatasetError where axes == 3 {
                    guard case .axes = error else { throw error }
                }
            }
        }
    }

    private static let cifar: FuzzTarget = {
        let scratch = ScratchFile("file.bin")
        return FuzzTarget("cifar", executions: 1000, refusals: [DatasetError.self]) { bytes in
            let file = try CIFARFile(path: scratch(bytes))
            try require(file.images.shape == [file.count, 3, 32, 32], "\(file.images.shape)")
            try require(file.labels.array(of: Int.self).allSatisfy((0..<10).contains), "\(file.labels)")
            try require(bytes.count == file.count * 3073, "\(file.count) records in \(bytes.count) bytes")
        }
    }()

    private static let safetensors: FuzzTarget = {
        let scratch = ScratchFile("file.safetensors")
        return FuzzTarget("safetensors", executions: 3000, refusals: [SafetensorsError.self], repair: repairLength) {
            bytes in
            let read: Safetensors
            do { read = try Safetensors(data: Data(bytes)) } catch let error as SafetensorsError {
                // A file is read by another way, which must come to the same.
                let file = URL(fileURLWithPath: try scratch(bytes))
                do { _ = try Safetensors(contentsOf: file) } catch let other as SafetensorsError {
                    try require(other.reason == error.reason, "'\(other.reason)' and '\(error.reason)'")
                    throw error
                }
                throw FuzzFault("the file is read, its contents are not: \(error)")
            }
            let size = read.tensors.values.reduce(0) { $0 + $1.count * $1.dtype.byteCount }
            try require(size <= bytes.count, "\(size) bytes out of \(bytes.count)")
            let again = read.encoded()
            try require(try Safetensors(data: again).encoded() == again, "what was written is read differently")
            let file = try Safetensors(contentsOf: URL(fileURLWithPath: scratch(bytes)))
            try require(file.encoded() == again, "the file is read differently from its contents")
        }
    }()

    /// Makes the length in front of a header that of the text up to its last brace.
    @Sendable static func repairLength(_ bytes: inout [UInt8]) {
        guard bytes.count > 8, let end = bytes.lastIndex(of: UInt8(ascii: "}")), end >= 8 else { return }
        let length = UInt64(end - 7)
        for place in 0..<8 { bytes[place] = UInt8(truncatingIfNeeded: length >> (8 * UInt64(place))) }
    }
}
