/// Builds the content of an IDX file.
public func idxBytes(shape: [Int], elements: [UInt8], type: UInt8 = 8) -> [UInt8] {
    let extents = shape.flatMap { extent in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: extent >> $0) } }
    return [0, 0, type, UInt8(shape.count)] + extents + elements
}

extension TemporaryFolder {
    /// Writes a data set in the form of MNIST whose classes can be told apart: each has a bright row of its own.
    public func writeImages(training: Int, test: Int, size: Int = 28, classes: Int = 10) throws {
        for (prefix, count) in [("train", training), ("t10k", test)] {
            let labels = (0..<count).map { UInt8(($0 * 7 + $0 / classes) % classes) }
            var pixels = [UInt8](repeating: 0, count: count * size * size)
            for (image, label) in labels.enumerated() {
                for column in 0..<size {
                    let row = Int(label) * size / classes
                    pixels[(image * size + row) * size + column] = 200
                    // Something that differs between images of one class.
                    pixels[(image * size + column) * size + (image * 5) % size] = UInt8((image * 13 + column) % 120)
                }
            }
            try write(idxBytes(shape: [count, size, size], elements: pixels), to: "\(prefix)-images-idx3-ubyte")
            try write(idxBytes(shape: [count], elements: labels), to: "\(prefix)-labels-idx1-ubyte")
        }
    }
}
