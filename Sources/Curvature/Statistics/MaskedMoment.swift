import Torch

/// Vectors of which each coordinate is multiplied by a fixed number.
struct MaskedMoment: SecondMoment {
    /// The vectors before that.
    let base: any SecondMoment
    /// Their multipliers, [dimension].
    let mask: Tensor

    var count: Int { base.count }

    var memory: Tensor { base.memory }

    func accumulate(into target: Tensor, keep: Double, scale: Double, form: StatisticsForm) {
        let moment = Tensor.zeros(like: target)
        base.accumulate(into: moment, keep: 0, scale: scale, form: form)
        target.multiply(inPlace: keep)
        target.add(inPlaceProductOf: moment, mask.expanded(at: 0) * mask.expanded(at: 1))
    }
}
