import Torch

/// An operator that consists of tensors and nothing else that could fail.
protocol TensorComposed: SymmetricOperator {
    /// The tensors.
    var parts: [Tensor] { get }

    /// The same operator of tensors that `change` makes of these.
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator
}

extension DenseOperator: TensorComposed {
    var parts: [Tensor] { [matrix] }
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator { DenseOperator(change(matrix)) }
}

extension CholeskyInverseOperator: TensorComposed {
    var parts: [Tensor] { [lower] }
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        CholeskyInverseOperator(lower: change(lower), scale: scale)
    }
}

extension DiagonalOperator: TensorComposed {
    var parts: [Tensor] { [diagonal] }
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator { DiagonalOperator(change(diagonal)) }
}

extension EigenOperator: TensorComposed {
    var parts: [Tensor] { [values, vectors] }
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        EigenOperator(values: change(values), vectors: change(vectors))
    }
}

extension GroupedOperator: TensorComposed {
    var parts: [Tensor] { [blocks] }
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator { GroupedOperator(blocks: change(blocks)) }
}

extension UnitwiseOperator: TensorComposed {
    var parts: [Tensor] { [first, mixed, second] }
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        UnitwiseOperator(first: change(first), mixed: change(mixed), second: change(second))
    }
}

extension KroneckerEigenOperator: TensorComposed {
    var parts: [Tensor] { left.parts + right.parts + [values] }
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        KroneckerEigenOperator(left: left.mapping(change), right: right.mapping(change), values: change(values))
    }
}

extension Eigenbasis {
    fileprivate var parts: [Tensor] {
        switch self {
        case .identity(let tensor), .dense(let tensor), .grouped(let tensor): [tensor]
        case .sum(let bases): bases.flatMap(\.parts)
        }
    }

    fileprivate func mapping(_ change: (Tensor) -> Tensor) -> Eigenbasis {
        switch self {
        case .identity(let ones): .identity(change(ones))
        case .dense(let vectors): .dense(change(vectors))
        case .grouped(let vectors): .grouped(change(vectors))
        case .sum(let bases): .sum(bases.map { $0.mapping(change) })
        }
    }
}

extension TimeSeriesInverse: TensorComposed {
    var parts: [Tensor] { [left, right, values] + (transitions.map { [$0.left, $0.right] } ?? []) }
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        TimeSeriesInverse(
            left: change(left), right: change(right), values: change(values),
            transitions: transitions.map { (change($0.left), change($0.right)) })
    }
}

extension GroupedKroneckerOperator: TensorComposed {
    var parts: [Tensor] { left.parts + right.parts }
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        GroupedKroneckerOperator(
            GroupedOperator(blocks: change(left.blocks)), GroupedOperator(blocks: change(right.blocks)))
    }
}

extension SymmetricOperator {
    /// Whether all that the operator consists of is finite, by one sum over each part; of operators of other kinds, the
    /// trace.
    var isFinite: Bool {
        if let product = self as? KroneckerOperator { return product.left.isFinite && product.right.isFinite }
        if let sum = self as? DirectSumOperator { return sum.blocks.allSatisfy(\.isFinite) }
        guard let composed = self as? any TensorComposed else { return trace().isFinite }
        let sums = composed.parts.map { $0.sum().to(.float64) }
        // What is infinite or NaN stays so in the sum.
        return sums.dropFirst().reduce(sums[0], +).scalar.isFinite
    }

    /// The same matrix with elements of another type; of operators of other kinds, with all its entries.
    func converted(to dtype: DType) -> any SymmetricOperator {
        if let product = self as? KroneckerOperator {
            return KroneckerOperator(product.left.converted(to: dtype), product.right.converted(to: dtype))
        }
        if let sum = self as? DirectSumOperator {
            return DirectSumOperator(sum.blocks.map { $0.converted(to: dtype) })
        }
        guard let composed = self as? any TensorComposed else { return DenseOperator(dense().to(dtype)) }
        return composed.mapping { $0.to(dtype) }
    }

    /// The diagonal of a factor, without what rounding made negative, in a form that has the factor's groups.
    func diagonalPart() -> any SymmetricOperator {
        func positive(_ diagonal: Tensor) -> Tensor { diagonal.clamped(atLeast: 0) }
        switch self {
        case let own as DiagonalOperator: return DiagonalOperator(positive(own.diagonal))
        case let own as GroupedOperator:
            let size = own.blocks.shape[1]
            let identity = Tensor.identity(size, dtype: own.blocks.dtype, device: own.blocks.device)
            return GroupedOperator(blocks: positive(own.blocks.diagonal().copy()).expanded(at: -1) * identity)
        case let own as DirectSumOperator: return DirectSumOperator(own.blocks.map { $0.diagonalPart() })
        case let own as UnitwiseOperator:
            return UnitwiseOperator(
                first: positive(own.first), mixed: Tensor.zeros(like: own.mixed), second: positive(own.second))
        default: return DiagonalOperator(positive(dense().diagonal().copy()))
        }
    }

    /// An upper bound of the greatest eigenvalue that is at most √dimension times too great: the greatest sum of a row's
    /// magnitudes, where the entries are at hand; else the trace.
    func eigenvalueBound() -> Double {
        switch self {
        case let own as DenseOperator: own.matrix.abs().sum(1).max().scalar
        case let own as GroupedOperator: own.blocks.abs().sum(2).max().scalar
        case let own as DiagonalOperator: own.diagonal.max().scalar
        case let own as DirectSumOperator: own.blocks.map { $0.eigenvalueBound() }.max() ?? 0
        case let own as UnitwiseOperator:
            (Tensor.maximum(own.first, own.second) + own.mixed.abs()).max().scalar
        default: trace()
        }
    }

    /// Whether inverting mixes elements, so that rounding of the great ones reaches the small ones.
    var mixesElements: Bool {
        if let sum = self as? DirectSumOperator { return sum.blocks.contains(where: \.mixesElements) }
        return !(self is DiagonalOperator)
    }
}
