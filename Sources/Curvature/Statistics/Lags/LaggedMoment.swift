import Torch

/// The second moment of a convolution's patches by a ``LagPlan``: no patches in memory, on a CPU.
struct LaggedMoment: SecondMoment {
    let images: Tensor
    let plan: LagPlan
    let groups: Int
    let hasBias: Bool
    let count: Int

    var memory: Tensor { images }

    /// - Parameter images: [batch, channels, spatial...].
    init(images: Tensor, plan: LagPlan, geometry: ConvolutionGeometry, hasBias: Bool) {
        self.images = images
        self.plan = plan
        groups = geometry.groups
        self.hasBias = hasBias
        count = geometry.outputShape(for: Array(images.shape.dropFirst(2))).reduce(images.shape[0], *)
    }

    func accumulate(into target: Tensor, keep: Double, scale: Double, form: StatisticsForm) {
        let grouped = target.rank == 3 ? target : target.expanded(at: 0)
        let kernel = plan.selections.map(\.count).reduce(1, *)
        let n = images.shape[1] / groups * kernel
        plan.products.accumulate(
            images, into: hasBias ? grouped[.all, 0..<n, 0..<n] : grouped, beta: keep, alpha: scale)
        if hasBias { accumulateBias(into: grouped, sums: sums(), count: count, keep: keep, scale: scale) }
    }

    /// The sum of all patches, [groups, channels · kernel].
    private func sums() -> Tensor {
        var sums = images.sum(0)
        for selection in plan.selections {
            // [channels, this axis, other axes...]: the axis goes to the end, where the kernel's takes its place.
            let matrix = Tensor(selection.flatMap { $0 }, shape: [selection.count, selection[0].count])
            let order = [0] + Array(2..<sums.rank) + [1]
            sums = sums.permuted(order).matmul(matrix.to(images.dtype).transposed())
        }
        return sums.reshaped([groups, -1])
    }
}
