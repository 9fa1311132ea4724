/// Why a safetensors file could not be read.
public struct SafetensorsError: DescribedError, Hashable {
    /// The file, if there is one.
    public let file: String?
    /// The fault.
    public let reason: String

    init(file: String? = nil, reason: String) {
        self.file = file
        self.reason = reason
    }

    init(_ reason: String) { self.init(reason: reason) }

    /// One sentence with the file and the reason.
    public var description: String {
        "\(file ?? "the data") is not a safetensors file that can be read: \(reason)"
    }
}
