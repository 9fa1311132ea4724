public import Torch

/// A block-diagonal matrix on the parameters of a model: its curvature, or what is derived from that.
///
/// ```swift
/// let inverse = try curvature.inverse(damping: 0.01)
/// let directions = inverse.apply(to: gradients)     // in the order of curvature.parameters
/// ```
public struct ModelOperator {
    /// The part of one layer.
    public struct Part {
        /// The layer's block.
        public let block: any CurvatureBlock
        /// The matrix on the layer's parameters, taken as one vector by ``CurvatureBlock/vector(from:)``.
        public let matrix: any SymmetricOperator
    }

    /// The parts, in the order of the model's blocks.
    public let parts: [Part]

    /// The parameters that vectors are in the shapes of.
    public var parameters: [NamedParameter] { parts.flatMap(\.block.parameters) }

    /// The number of rows and columns.
    public var dimension: Int { parts.reduce(0) { $0 + $1.matrix.dimension } }

    /// The matrix times a vector that is given as tensors in the shapes and types of ``parameters``.
    public func apply(to tensors: [Tensor]) -> [Tensor] {
        guard tensors.map(\.shape) == parameters.map(\.tensor.shape) else {
            fatalError(
                "ModelOperator.apply: tensors of shapes \(tensors.map(\.shape)) for parameters of shapes "
                    + "\(parameters.map(\.tensor.shape))")
        }
        parameters.requireTypes(of: tensors, by: "ModelOperator.apply")
        return withoutGradientsInFullPrecision {
            var rest = tensors[...]
            return parts.flatMap { part in
                let count = part.block.parameters.count
                defer { rest = rest.dropFirst(count) }
                return part.block.apply(part.matrix, to: rest.prefix(count).map { $0.detached() })
            }
        }
    }

    /// vᵀ M v for a vector v that is given as tensors in the shapes of ``parameters``.
    public func quadraticForm(_ tensors: [Tensor]) -> Double {
        zip(tensors, apply(to: tensors)).reduce(0) { $0 + $1.0.detached().innerProduct($1.1).scalar }
    }

    /// The sum of the diagonal.
    public func trace() -> Double {
        withoutGradientsInFullPrecision { parts.reduce(0) { $0 + $1.matrix.trace() } }
    }

    /// The logarithm of the determinant, as of a Laplace approximation's evidence.
    ///
    /// - Throws: ``/Torch/LinearAlgebraError`` if a part is not positive-definite.
    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        try withoutGradientsInFullPrecision { () throws(LinearAlgebraError) in
            var sum = 0.0
            for part in parts { sum += try part.matrix.logDeterminant() }
            return sum
        }
    }
}
