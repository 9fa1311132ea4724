import Foundation

/// Builds the content of a file in the binary format of CIFAR-10, of images each of which has pixels of its own.
public func cifarBytes(labels: [UInt8], seed: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    for (image, label) in labels.enumerated() {
        bytes.append(label)
        let start = image * 31 + seed * 101
        for pixel in 0..<3072 {
            let tint = Int(label) * (pixel / 256) * 5
            bytes.append(UInt8(truncatingIfNeeded: start + pixel * 7 + tint))
        }
    }
    return bytes
}

extension TemporaryFolder {
    /// Writes a data set in the binary format of CIFAR-10, with `training` images in each of its five parts.
    public func writeCIFAR(training: Int, test: Int, in inner: String? = nil) throws {
        let place = inner.map { $0 + "/" } ?? ""
        if let inner {
            try FileManager.default.createDirectory(atPath: self(inner), withIntermediateDirectories: true)
        }
        func labels(_ count: Int, _ part: Int) -> [UInt8] { (0..<count).map { UInt8(($0 + part) % 10) } }
        for part in 1...5 {
            try write(
                cifarBytes(labels: labels(training, part), seed: part), to: "\(place)data_batch_\(part).bin")
        }
        try write(cifarBytes(labels: labels(test, 0)), to: "\(place)test_batch.bin")
    }
}
