import CTorch

/// Where a tensor's memory lies and its operations run.
public enum Device: Sendable, Hashable, CustomStringConvertible, LosslessStringConvertible {
    /// The processor.
    case cpu
    /// A CUDA device, by its index.
    case cuda(Int)

    /// Parses "cpu", "cuda" (the first device) or "cuda:1".
    public init?(_ description: String) {
        switch description {
        case "cpu": self = .cpu
        case "cuda": self = .cuda(0)
        default:
            guard description.hasPrefix("cuda:"), let index = Int(description.dropFirst("cuda:".count)) else {
                return nil
            }
            // Neither "+1" nor "-0" nor "01".
            guard index >= 0, "cuda:\(index)" == description else { return nil }
            self = .cuda(index)
        }
    }

    /// "cpu" or for example "cuda:0".
    public var description: String {
        switch self {
        case .cpu: "cpu"
        case .cuda(let index): "cuda:\(index)"
        }
    }

    /// Whether this machine has the device and the linked libtorch can use it.
    public var isAvailable: Bool {
        switch self {
        case .cpu: true
        case .cuda(let index): index < Int(ct_cuda_device_count())
        }
    }

    /// Waits until the device has finished all work given to it; for timing.
    public func synchronize() {
        guard ct_synchronize(code) == CT_OK else { fatalError("synchronize: \(self): \(lastMessage())") }
    }

    var code: ct_device {
        switch self {
        case .cpu: ct_device(type: CT_CPU, index: 0)
        case .cuda(let index): ct_device(type: CT_CUDA, index: Int32(clamping: index))
        }
    }

    init(code: ct_device) {
        self = code.type == CT_CUDA ? .cuda(Int(code.index)) : .cpu
    }
}
