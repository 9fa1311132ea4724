import Torch

/// Nᵀ B diag(S) Bᵀ N with B = left ⊗ right and N = I − P ⊗ Q (or I): the inverse curvature of a time series.
struct TimeSeriesInverse: ClosedFormOperator {
    /// [m, m].
    let left: Tensor
    /// [n, n].
    let right: Tensor
    /// S, [m, n].
    let values: Tensor
    /// P and Q.
    let transitions: (left: Tensor, right: Tensor)?

    var dimension: Int { values.count }

    private var shape: (Int, Int) { (values.shape[0], values.shape[1]) }

    func apply(_ x: Tensor) -> Tensor {
        let inBasis = product(left.transposed(), right.transposed(), remainder(x, transposed: false))
        return remainder(product(left, right, inBasis * values.reshaped([-1, 1])), transposed: true)
    }

    private func product(_ left: Tensor, _ right: Tensor, _ x: Tensor) -> Tensor {
        kroneckerApply(x, left: left.matmul, right: right.matmul, from: shape)
    }

    private func remainder(_ x: Tensor, transposed: Bool) -> Tensor {
        guard let (left, right) = transitions else { return x }
        return x - (transposed ? product(left.transposed(), right.transposed(), x) : product(left, right, x))
    }

    var prototype: Tensor { values }

    func scaled(by scale: Double) -> any SymmetricOperator {
        TimeSeriesInverse(left: left, right: right, values: values * scale, transitions: transitions)
    }
}

extension TimeSeriesInverse {
    static var kind: String { "series" }

    var parts: [Tensor] { [left, right, values] + (transitions.map { [$0.left, $0.right] } ?? []) }

    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        TimeSeriesInverse(
            left: change(left), right: change(right), values: change(values),
            transitions: transitions.map { (change($0.left), change($0.right)) })
    }

    func save(to snapshot: inout Snapshot) {
        snapshot.set("left", left)
        snapshot.set("right", right)
        snapshot.set("values", values)
        if let transitions {
            snapshot.set("leftTransition", transitions.left)
            snapshot.set("rightTransition", transitions.right)
        }
    }
}

extension TimeSeriesInverse: StoredOperator {
    static func restored(from reader: OperatorReader) -> TimeSeriesInverse? {
        guard let left = reader.tensor("left", rank: 2), let right = reader.tensor("right", rank: 2),
            let values = reader.tensor("values", rank: 2)
        else { return nil }
        var transitions: (left: Tensor, right: Tensor)?
        if reader.contains("leftTransition") {
            guard let first = reader.tensor("leftTransition", rank: 2),
                let second = reader.tensor("rightTransition", rank: 2)
            else { return nil }
            transitions = (first, second)
        }
        let (m, n) = (values.shape[0], values.shape[1])
        let fits =
            left.shape == [m, m] && right.shape == [n, n]
            && (transitions.map { $0.left.shape == [m, m] && $0.right.shape == [n, n] } ?? true)
        return reader.made(fits) {
            TimeSeriesInverse(left: left, right: right, values: values, transitions: transitions)
        }
    }
}
