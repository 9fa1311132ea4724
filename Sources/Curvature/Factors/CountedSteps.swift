import Torch

/// The steps of each series of a batch that count.
struct CountedSteps {
    /// Of type bool, [time, batch].
    let mask: Tensor

    init(_ mask: Tensor) { self.mask = mask }

    /// For each lag d, the number of pairs of steps t, t + d that both count, in all series.
    func pairCounts() -> [Double] {
        let counts = mask.to(.float64)
        return (0..<mask.shape[0]).map { lag in
            (counts[lag...] * counts[..<(mask.shape[0] - lag)]).sum().scalar
        }
    }

    /// The rows [count, features] of a series' steps that count.
    func rows(of values: Tensor) -> Tensor { values.asRows.gathered(mask.nonzeroPositions()) }

    /// A series [time, batch, features] with zeros at the steps that do not count.
    func masked(_ values: Tensor) -> Tensor {
        Tensor.select(mask.expanded(at: 2), values, Tensor.zeros([], like: values))
    }
}
