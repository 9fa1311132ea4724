/// How the kernel of a convolution moves over its input; one number for each spatial axis.
public struct ConvolutionGeometry: Sendable, Hashable, Codable {
    /// The extents of the kernel.
    public var kernel: [Int]
    /// The steps between neighbouring positions of the kernel.
    public var stride: [Int]
    /// The width of the border of zeros on either side.
    public var padding: [Int]
    /// The distance between neighbouring elements of the kernel.
    public var dilation: [Int]
    /// The number of groups of channels that do not see each other.
    public var groups: Int
    /// Whether this is the transposed (adjoint) operation.
    public var isTransposed: Bool
    /// Extra width at the end of the output of a transposed convolution.
    public var outputPadding: [Int]

    /// Creates a geometry; a list of one number stands for that number on every axis.
    public init(
        kernel: [Int], stride: [Int] = [1], padding: [Int] = [0], dilation: [Int] = [1], groups: Int = 1,
        isTransposed: Bool = false, outputPadding: [Int] = [0]
    ) {
        func spread(_ values: [Int], _ name: String, atLeast bound: Int) -> [Int] {
            let spread = values.count == 1 ? Array(repeating: values[0], count: kernel.count) : values
            // More than any axis has, and few enough for products of two of them.
            guard spread.count == kernel.count, spread.allSatisfy({ (bound..<1 << 31).contains($0) }) else {
                fatalError("ConvolutionGeometry: \(name) \(values) for a kernel \(kernel)")
            }
            return spread
        }
        self.kernel = spread(kernel, "kernel", atLeast: 1)
        self.stride = spread(stride, "stride", atLeast: 1)
        self.padding = spread(padding, "padding", atLeast: 0)
        self.dilation = spread(dilation, "dilation", atLeast: 1)
        self.groups = groups
        self.isTransposed = isTransposed
        self.outputPadding = spread(outputPadding, "outputPadding", atLeast: 0)
        if let defect { fatalError("ConvolutionGeometry: \(defect)") }
    }

    /// The greatest number that a list can have: sums of a few products of two such numbers do not overflow.
    private static let greatest = 1 << 30

    /// Why no convolution has this geometry, as after a change of one of the lists; nil if one can.
    var defect: String? {
        for (name, values, least) in [
            ("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1),
            ("outputPadding", outputPadding, 0),
        ] where values.count != kernel.count || !values.allSatisfy({ (least...Self.greatest).contains($0) }) {
            return "\(name) \(values) for a kernel \(kernel); one number from \(least) to \(Self.greatest) for each "
                + "axis is needed"
        }
        return nil
    }

    /// The number of spatial axes.
    public var spatialRank: Int { kernel.count }

    /// The extents of the output for the spatial extents of an input, which must be large enough for the kernel.
    public func outputShape(for input: [Int]) -> [Int] {
        func stop(_ reason: String) -> Never {
            fatalError("ConvolutionGeometry.outputShape(for: \(input)): \(reason)")
        }
        if let defect { stop(defect) }
        guard input.count == spatialRank, input.allSatisfy({ (0...Self.greatest).contains($0) }) else {
            stop("the kernel is \(kernel); \(spatialRank) extents from 0 to \(Self.greatest) are needed")
        }
        guard fits(input) else { stop("with its border, the input is smaller than the kernel \(kernel)") }
        return positions(in: input)
    }

    /// Whether an input of some extents gives an output that is not empty.
    func fits(_ input: [Int]) -> Bool { positions(in: input).allSatisfy { $0 > 0 } }

    private func positions(in input: [Int]) -> [Int] {
        zip(input, kernel.indices).map { extent, axis in
            let reach = dilation[axis] * (kernel[axis] - 1)
            return isTransposed
                ? (extent - 1) * stride[axis] - 2 * padding[axis] + reach + 1 + outputPadding[axis]
                : extent + 2 * padding[axis] > reach ? (extent + 2 * padding[axis] - reach - 1) / stride[axis] + 1 : 0
        }
    }
}

extension ConvolutionGeometry {
    /// - Throws: `DecodingError` where the extents are none that a convolution can have.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func extents(_ key: CodingKeys, atLeast bound: Int) throws -> [Int] {
            let extents = try values.decode([Int].self, forKey: key)
            guard extents.allSatisfy({ $0 >= bound && $0 < 1 << 31 }) else {
                throw DecodingError.dataCorruptedError(
                    forKey: key, in: values, debugDescription: "numbers from \(bound) on were expected")
            }
            return extents
        }
        kernel = try extents(.kernel, atLeast: 1)
        stride = try extents(.stride, atLeast: 1)
        padding = try extents(.padding, atLeast: 0)
        dilation = try extents(.dilation, atLeast: 1)
        outputPadding = try extents(.outputPadding, atLeast: 0)
        groups = try values.decode(Int.self, forKey: .groups)
        isTransposed = try values.decode(Bool.self, forKey: .isTransposed)
        guard groups >= 1, [stride, padding, dilation, outputPadding].allSatisfy({ $0.count == kernel.count }) else {
            throw DecodingError.dataCorruptedError(
                forKey: .kernel, in: values, debugDescription: "one number for each axis of the kernel was expected")
        }
    }
}
