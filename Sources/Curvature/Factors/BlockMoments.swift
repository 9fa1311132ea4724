import Torch

/// The statistics of a batch for a factor in blocks.
struct BlockMoments {
    /// The second moments of the equal blocks, one after the other.
    let equal: any SecondMoment
    /// That of the last block of each group, if there is one.
    let last: (any SecondMoment)?
}

extension BlockLayout {
    /// The moments of vectors held in memory, without the bias's 1.
    func moments(of rows: Rows) -> BlockMoments {
        let (equal, last) = parts(of: rows.vectors, first: count * size)
        return BlockMoments(
            equal: Rows(vectors: equal, groups: groups * count),
            last: last.map { Rows(vectors: $0, groups: groups, hasBias: hasBias) })
    }

    /// The moments of a convolution's patches: blocks of whole channels are the groups of a grouped convolution.
    func moments(
        ofPatchesOf images: Tensor, _ geometry: ConvolutionGeometry, form: StatisticsForm,
        plans: (equal: PatchPlans, last: PatchPlans)
    ) -> BlockMoments {
        guard elements == geometry.kernel.reduce(1, *) else {
            return moments(of: Patches.rows(of: images, geometry: geometry, hasBias: false))
        }
        let (equal, last) = parts(of: images, first: count * units)
        func moment(_ images: Tensor, groups: Int, hasBias: Bool, _ plans: PatchPlans) -> any SecondMoment {
            var geometry = geometry
            geometry.groups = groups
            return Patches.moment(of: images, geometry: geometry, hasBias: hasBias, form: form, plans: plans)
        }
        return BlockMoments(
            equal: moment(equal, groups: groups * count, hasBias: false, plans.equal),
            last: last.map { moment($0, groups: groups, hasBias: hasBias, plans.last) })
    }

    /// The first elements of each group along the second axis, and the others, if there are any.
    private func parts(of tensor: Tensor, first: Int) -> (equal: Tensor, last: Tensor?) {
        let shape = tensor.shape
        let width = shape[1] / groups
        func part(_ range: Range<Int>) -> Tensor {
            if groups == 1 { return tensor[.all, range] }
            let grouped = tensor.reshaped([shape[0], groups, width] + shape.dropFirst(2))
            return grouped[.all, .all, range].reshaped([shape[0], groups * range.count] + shape.dropFirst(2))
        }
        return (part(0..<first), rest == 0 ? nil : part(first..<width))
    }
}
