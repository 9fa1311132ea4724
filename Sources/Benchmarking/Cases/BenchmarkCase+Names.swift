import Torch

extension BenchmarkCase: LosslessStringConvertible {
    /// Parses a name such as "input-factor/256x32x28x28", "inverse/577" or "step/convnet", with any sizes.
    ///
    /// A step's name ends in the batch's size where that is not the network's usual one, as in "step/convnet/64". No
    /// size is above 65536, and no case needs vectors of more than 2³⁴ numbers together.
    public init?(_ description: String) {
        let parts = description.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count) else { return nil }
        if parts[0] == "step" {
            guard let network = BenchmarkNetwork(parts[1]) else { return nil }
            guard parts.count == 3 else {
                self = .step(network, batchSize: network.batchSize)
                return
            }
            guard let size = Self.size(parts[2]) else { return nil }
            self = .step(network, batchSize: size)
            return
        }
        guard parts.count == 2 else { return nil }
        let texts = parts[1].split(separator: "x", omittingEmptySubsequences: false)
        let sizes = texts.compactMap { Self.size(String($0)) }
        guard sizes.count == texts.count, let made = Self(family: parts[0], sizes), made.isPossible else { return nil }
        self = made
    }

    /// The largest size.
    static let largestSize = 65_536

    /// Reads a size; nil for what is none, such as "0", "+1" and "01".
    private static func size(_ text: String) -> Int? {
        Int(text).flatMap { (1...largestSize).contains($0) && "\($0)" == text ? $0 : nil }
    }

    private init?(family: String, _ sizes: [Int]) {
        switch (family, sizes.count) {
        case ("output-factor", 4): self = .outputFactor(sizes)
        case ("dense-factor", 2): self = .denseFactor(rows: sizes[0], features: sizes[1])
        case ("product", 3): self = .product(rows: sizes[0], depth: sizes[1], columns: sizes[2])
        case ("inverse", 1): self = .inverse(dimension: sizes[0])
        case ("precondition", 2): self = .preconditioning(outputs: sizes[0], inputs: sizes[1])
        default:
            guard let kernel = InputKernel(rawValue: family), sizes.count == 4 else { return nil }
            self = .inputFactor(kernel, sizes)
        }
    }

    /// Whether the plain path's vectors are few enough.
    private var isPossible: Bool {
        let sizes: [Int] =
            switch self {
            case .inputFactor(let kernel, let shape): shape + kernel.geometry.kernel
            case .outputFactor(let shape): shape
            case .product(let rows, let depth, let columns): [max(rows, columns), max(depth, columns)]
            default: []
            }
        return sizes.reduce(1.0) { $0 * Double($1) } <= 0x1p34
    }

    /// The name, as it is parsed.
    public var description: String {
        func joined(_ sizes: [Int]) -> String { sizes.map { "\($0)" }.joined(separator: "x") }
        return switch self {
        case .inputFactor(let kernel, let shape): "\(kernel.rawValue)/\(joined(shape))"
        case .outputFactor(let shape): "output-factor/\(joined(shape))"
        case .denseFactor(let rows, let features): "dense-factor/\(joined([rows, features]))"
        case .product(let rows, let depth, let columns): "product/\(joined([rows, depth, columns]))"
        case .inverse(let dimension): "inverse/\(dimension)"
        case .preconditioning(let outputs, let inputs): "precondition/\(joined([outputs, inputs]))"
        case .step(let network, let batchSize):
            "step/\(network)" + (batchSize == network.batchSize ? "" : "/\(batchSize)")
        }
    }

    /// How the names of each family look, for messages.
    public static let forms = [
        "input-factor/NxCxHxW", "input-factor-strided/NxCxHxW", "input-factor-5x5/NxCxHxW", "output-factor/NxCxHxW",
        "dense-factor/BxN", "product/MxKxN", "inverse/N", "precondition/MxN", "step/NETWORK/BATCH",
    ]
}

extension Sequence<BenchmarkCase> {
    /// The cases that patterns choose, in their order: the name of any case, or what names in this sequence begin with.
    ///
    /// - Throws: ``BenchmarkError/unknownCase(_:known:)``.
    public func matching(_ patterns: [String]) throws(BenchmarkError) -> [BenchmarkCase] {
        var chosen: [BenchmarkCase] = []
        for pattern in patterns {
            var found = filter { !pattern.isEmpty && $0.description.hasPrefix(pattern) }
            if let exact = BenchmarkCase(pattern) { found = [exact] }
            guard !found.isEmpty else { throw .unknownCase(pattern, known: map(\.description)) }
            for next in found where !chosen.contains(next) { chosen.append(next) }
        }
        return chosen
    }
}
