package import Torch

// Lists of tensors in the shapes of parameters, taken as one vector.

/// ⟨a, b⟩ over all tensors, in double precision: one wait for the device.
package func inner(_ a: [Tensor], _ b: [Tensor]) -> Double { innerSum(zip(a, b).map { $0.innerProduct($1) }) }

package func innerSum(_ terms: [Tensor]) -> Double {
    guard let first = terms.first else { return 0 }
    return terms.dropFirst().reduce(first, +).scalar
}

extension DType {
    /// The root of the greatest number: what is not greater can be squared.
    package var greatestRoot: Double { self == .float32 ? 0x1p63 : 0x1p511 }
}

/// Whether a square of the norm of some tensors is finite, and not too large for their own type.
package func isUsable(square: Double, of tensors: [Tensor]) -> Bool {
    let root = tensors.map(\.dtype.greatestRoot).min() ?? 0
    return square <= root * root
}

/// The names of the parameters whose tensor's square is not finite or too large; nil if there is none.
package func unusable(_ tensors: [Tensor], of parameters: [NamedParameter]) -> [String]? {
    guard !isUsable(square: inner(tensors, tensors), of: tensors) else { return nil }
    let names = zip(tensors, parameters).filter { !isUsable(square: inner([$0.0], [$0.0]), of: [$0.0]) }.map(\.1.name)
    return names.isEmpty ? parameters.map(\.name) : names
}

extension [Tensor?] {
    /// The gradients that there are, with the numbers of their parameters.
    package var reached: [(index: Int, gradient: Tensor)] {
        enumerated().compactMap { index, gradient in gradient.map { (index, $0) } }
    }

    /// Whether there is one for each of some parameters of these shapes, or nil.
    package func fit(_ shapes: [[Int]]) -> Bool {
        count == shapes.count && zip(self, shapes).allSatisfy { $0 == nil || $0!.shape == $1 }
    }

    /// The shapes, for messages.
    package var shapes: String { "[\(map { $0.map { "\($0.shape)" } ?? "nil" }.joined(separator: ", "))]" }
}
