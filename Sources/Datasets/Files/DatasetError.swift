public import Torch

/// Why data could not be read: which file, what was found, what was expected, and what to do.
public enum DatasetError: DescribedError, Hashable {
    /// There is no such folder.
    case missingFolder(String)
    /// Something else is where a folder was named.
    case notFolder(String)
    /// A folder lacks a file, plain and compressed.
    case missingFile(String)
    /// The system refuses to open or read a file.
    case unreadable(String, reason: String)
    /// A compressed file was met, and the program that decompresses is not installed.
    case missingGzip(String)
    /// A compressed file cannot be decompressed.
    case damagedGzip(String, reason: String)
    /// The first bytes are not those of an IDX file.
    case notIDX(String, found: [UInt8])
    /// An IDX file holds elements other than unsigned bytes.
    case elementType(String, code: UInt8)
    /// An IDX file has another number of axes.
    case axes(String, found: Int, expected: Int, meaning: String)
    /// An axis of an IDX file has no extent.
    case empty(String, shape: [Int])
    /// An IDX file ends within its header.
    case truncatedHeader(String, found: Int, expected: Int)
    /// An IDX file holds fewer elements than its header promises.
    case truncated(String, shape: [Int], found: Int)
    /// An IDX file continues after the elements that its header promises.
    case tooLong(String, shape: [Int])
    /// The images of the training set and of the test set differ in size.
    case unequalSizes(String, [Int], String, [Int])
    /// There are not as many labels as images.
    case unequalCounts(images: String, Int, labels: String, Int)
    /// A label stands for no class.
    case label(String, index: Int, label: Int, classes: Int)
    /// There is no folder where that of CIFAR-10 was named.
    case missingCIFARFolder(String)
    /// A folder lacks a file of CIFAR-10.
    case missingCIFARFile(String)
    /// A file does not consist of whole records of CIFAR-10.
    case notCIFAR(String, found: Int)
    /// The parts of a training set differ in their numbers of images.
    case unequalParts(String, Int, String, Int)
    /// A file that is known has another content.
    case checksum(String, found: String, expected: String)

    /// One sentence with all of it.
    public var description: String {
        switch self {
        case .missingFolder(let path):
            "the data folder \(path) does not exist: give a folder that holds the four IDX files of a data set"
        case .notFolder(let path):
            "the data folder \(path) is a file: give the folder that holds the files of the data set"
        case .missingFile(let path):
            "\(path) is missing, and so is \(path).gz: the folder must hold \(MNISTFile.list), "
                + "each plain or compressed by gzip"
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .missingGzip(let path):
            "\(path) is compressed, and the program gzip, which decompresses it, was not found in PATH: install gzip, "
                + "or put the decompressed file beside it"
        case .damagedGzip(let path, let reason):
            "\(path) is damaged: gzip says \"\(reason)\": get the file anew"
        case .notIDX(let path, let found) where found.isEmpty: "\(path) is empty: get the file anew"
        case .notIDX(let path, let found) where found.count < 4:
            "\(path) is cut off: it ends after \(found.count == 1 ? "1 byte" : "\(found.count) bytes"), and the header of an "
                + "IDX file has more: get the file anew"
        case .notIDX(let path, let found):
            "\(path) is not an IDX file: it begins with \(Self.hex(found)) instead of 00 00 08: get the right file"
        case .elementType(let path, let code):
            "\(path) holds elements of the type \(Self.hex([code])); images and labels are unsigned bytes, type 08: "
                + "convert the file"
        case .axes(let path, let found, let expected, let meaning):
            "\(path) has \(found == 1 ? "1 axis" : "\(found) axes") where \(meaning) "
                + "need \(expected): check that images and labels are not swapped"
        case .empty(let path, let shape):
            "\(path) is empty: its header says \(Self.extents(shape)), and every extent must be positive: get the file anew"
        case .truncatedHeader(let path, let found, let expected):
            "\(path) is cut off: it ends after \(found) bytes, within its header of \(expected): get the file anew"
        case .truncated(let path, let shape, let found):
            "\(path) is cut off: its header promises \(Self.extents(shape)) bytes of content, and \(found) are there: "
                + "get the file anew"
        case .tooLong(let path, let shape):
            "\(path) is too long: it continues after the \(Self.extents(shape)) bytes of content that its header promises: "
                + "get the file anew"
        case .unequalSizes(let training, let trainingSize, let test, let testSize):
            "\(test) holds images of \(Self.extents(testSize)) pixels and \(training) of "
                + "\(Self.extents(trainingSize)): training and test images must have one size"
        case .unequalCounts(let images, let imageCount, let labels, let labelCount):
            "\(images) holds \(imageCount) images and \(labels) holds \(labelCount) labels: there must be a label for "
                + "each image; use files that belong together"
        case .label(let path, let index, let label, let classes):
            "\(path) has the label \(label) at position \(index): labels are from 0 to \(classes - 1): "
                + "use a data set of \(classes) classes"
        case .missingCIFARFolder(let path):
            "the data folder \(path) does not exist: give a folder that holds the binary version of CIFAR-10"
        case .missingCIFARFile(let path):
            "\(path) is missing: the folder must hold data_batch_1.bin to data_batch_5.bin and test_batch.bin of the "
                + "binary version of CIFAR-10"
        case .notCIFAR(let path, 0):
            "\(path) is empty: a file of CIFAR-10 holds records of \(CIFARFile.recordSize) bytes: get the file anew"
        case .notCIFAR(let path, let found) where found > CIFARFile.recordSize * CIFARFile.largestCount:
            "\(path) has more than \(CIFARFile.largestCount) records of \(CIFARFile.recordSize) bytes; those of CIFAR-10 "
                + "have 10000: get the right file"
        case .notCIFAR(let path, let found):
            "\(path) has \(found) bytes, which is no multiple of the \(CIFARFile.recordSize) of a record of CIFAR-10: "
                + "get the binary version of the data set, or the file anew if it is cut off"
        case .unequalParts(let first, let firstCount, let path, let count):
            "\(path) holds \(count == 1 ? "1 image" : "\(count) images") and \(first) \(firstCount): all parts of CIFAR-10 have "
                + "the same number: get the files anew"
        case .checksum(let path, let found, let expected):
            "\(path) is not the file that is expected: its SHA-256 is \(found) instead of \(expected): remove it and "
                + "get it anew"
        }
    }

    /// The error of a file that the system refuses to read.
    init(_ error: FileError) { self = .unreadable(error.path, reason: error.reason) }

    private static func hex(_ bytes: [UInt8]) -> String {
        guard !bytes.isEmpty else { return "nothing" }
        return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }

    private static func extents(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: " x ") }
}
