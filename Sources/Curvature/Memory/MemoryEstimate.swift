/// The memory of the curvature of a model's layers, from the layers' shapes: nothing is allocated for it.
///
/// Beside it there are the parameters, gradients and velocities, and what the model's own passes need.
public struct MemoryEstimate: Sendable, Hashable {
    /// The factors of all layers, the largest first.
    public let factors: [FactorMemory]
    /// The bytes of all running averages.
    public let averageBytes: Int
    /// The bytes of all stored inverses.
    public let inverseBytes: Int
    /// The bytes that computing inverses anew takes besides, at its peak.
    ///
    /// The new inverse of a layer while the old one is in use, and work space; with inverses in the background, those
    /// of all layers and copies of all averages.
    public let refreshBytes: Int

    /// The bytes of all of that.
    public var totalBytes: Int { sum([averageBytes, inverseBytes, refreshBytes]) }

    init(_ layers: [LayerMemory], isInBackground: Bool) {
        factors = layers.flatMap(\.factors).sorted { $0.averageBytes > $1.averageBytes }
        averageBytes = sum(layers.map(\.averageBytes))
        inverseBytes = sum(layers.map(\.inverseBytes))
        let work = layers.map(\.workBytes).max() ?? 0
        refreshBytes =
            isInBackground
            ? sum([averageBytes, inverseBytes, work]) : layers.map { sum([$0.inverseBytes, $0.workBytes]) }.max() ?? 0
    }
}

extension MemoryEstimate: CustomStringConvertible {
    /// The factors, one a line, the largest first, behind the sums.
    public var description: String {
        let head =
            "\(bytes(totalBytes)): \(bytes(averageBytes)) of running averages, \(bytes(inverseBytes)) of inverses and "
            + "\(bytes(refreshBytes)) to compute them"
        return ([head] + factors.map(\.description)).joined(separator: "\n")
    }
}

/// The memory of the curvature of one layer.
struct LayerMemory {
    let factors: [FactorMemory]
    /// The bytes of inverses that are no factor's own: eigenvalues of a product.
    var sharedBytes = 0

    var averageBytes: Int { sum(factors.map(\.averageBytes)) }
    var inverseBytes: Int { sum(factors.map(\.inverseBytes) + [sharedBytes]) }
    /// One factor is inverted after the other.
    var workBytes: Int { factors.map(\.workBytes).max() ?? 0 }
}

/// A sum that stays where it is at the greatest integer.
private func sum(_ numbers: [Int]) -> Int {
    numbers.reduce(0) { total, number in
        let (sum, overflows) = total.addingReportingOverflow(number)
        return overflows ? .max : sum
    }
}
