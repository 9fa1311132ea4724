import Torch

/// The patches that a convolution's kernel sees.
enum Patches {
    /// The second moment of the patches of one batch.
    ///
    /// - Parameter plans: What was planned for earlier batches of the same layer.
    static func moment(
        of input: Tensor, geometry: ConvolutionGeometry, hasBias: Bool, form: StatisticsForm = .automatic,
        plans: PatchPlans = PatchPlans()
    ) -> any SecondMoment {
        if form == .plain { return rows(of: input, geometry: geometry, hasBias: hasBias) }
        guard !geometry.isPointwise, LineProducts.canRun(on: input.device) else {
            // Elsewhere few large products are what counts.
            if form == .automatic, geometry.kernel[0] > 1, geometry.stride[0] == 1, geometry.groups == 1 {
                return LaggedPatches(input: input, geometry: geometry, hasBias: hasBias)
            }
            return rows(of: input, geometry: geometry, hasBias: hasBias)
        }
        switch plans.plan(for: input.shape, geometry: geometry, form: form) {
        case .patches: return rows(of: input, geometry: geometry, hasBias: hasBias)
        case .lags(let plan): return LaggedMoment(images: input, plan: plan, geometry: geometry, hasBias: hasBias)
        }
    }

    /// The patches as vectors: the definition that other forms are tested against.
    ///
    /// Costs kernel-size times the input in memory and 2 k⁴ C² flops for each location in the product that follows.
    ///
    /// - Parameters:
    ///   - input: [batch, channels, spatial...].
    ///   - geometry: Any stride, padding, dilation and groups, over any number of axes.
    ///   - hasBias: Whether each vector ends in a 1.
    /// - Returns: Vectors of channels · kernel elements, in the order [channel][kernel row][kernel column] of the
    ///   weight; for several groups, those of each group's channels.
    static func rows(of input: Tensor, geometry: ConvolutionGeometry, hasBias: Bool) -> Rows {
        if geometry.isPointwise { return Rows.channels(of: input, hasBias: hasBias).grouped(into: geometry.groups) }
        let rank = geometry.spatialRank
        let windows = windows(of: input, geometry: geometry, axes: 0..<rank)
        // [channels, kernel..., batch, locations...]: neighbouring locations stay neighbours in memory.
        let order = [1] + Array((rank + 2)..<(2 * rank + 2)) + [0] + Array(2..<(rank + 2))
        let dimension = geometry.kernel.reduce(input.shape[1], *)
        return Rows(columns: windows.permuted(order).reshaped([dimension, -1]), hasBias: hasBias)
            .grouped(into: geometry.groups)
    }

    /// The patches of each example and group: [batch, groups, channels / groups · kernel, locations].
    static func perExample(of input: Tensor, geometry: ConvolutionGeometry) -> Tensor {
        let rank = geometry.spatialRank
        let windows = windows(of: input, geometry: geometry, axes: 0..<rank)
        let order = [0, 1] + Array((rank + 2)..<(2 * rank + 2)) + Array(2..<(rank + 2))
        let width = geometry.kernel.reduce(input.shape[1] / geometry.groups, *)
        let locations = windows.shape[2..<(rank + 2)].reduce(1, *)
        return windows.permuted(order).reshaped([input.shape[0], geometry.groups, width, locations])
    }

    /// The sum of each example's patches, [groups (if there are several), channels / groups · kernel, batch].
    static func summed(of input: Tensor, geometry: ConvolutionGeometry) -> Tensor {
        let rank = geometry.spatialRank
        let sums = windows(of: input, geometry: geometry, axes: 0..<rank).sum(axes: Array(2..<(rank + 2)))
        return columns(of: sums, groups: geometry.groups)
    }

    /// The sum of each example's pixels, [groups (if there are several), channels / groups, batch].
    static func summedPixels(of tensor: Tensor, groups: Int) -> Tensor {
        columns(of: tensor.flattened(from: 2).sum(2), groups: groups)
    }

    /// [batch, channels, ...] as columns of each group.
    private static func columns(of sums: Tensor, groups: Int) -> Tensor {
        let rows = sums.reshaped([sums.shape[0], groups, -1]).permuted(1, 2, 0)
        return groups == 1 ? rows[0] : rows
    }

    /// A view of the windows along some of the spatial axes: [batch, channels, spatial..., kernel axes...].
    static func windows(of input: Tensor, geometry: ConvolutionGeometry, axes: Range<Int>) -> Tensor {
        let rank = geometry.spatialRank
        guard input.rank == rank + 2 else {
            fatalError("convolution statistics: an input of shape \(input.shape) for a kernel \(geometry.kernel)")
        }
        var windows = input
        if axes.contains(where: { geometry.padding[$0] > 0 }) {
            windows = windows.padded(
                (0..<rank).reversed().map { axes.contains($0) ? geometry.padding[$0] : 0 }.map { ($0, $0) })
        }
        for axis in axes {
            let dilation = geometry.dilation[axis]
            let reach = dilation * (geometry.kernel[axis] - 1) + 1
            windows = windows.windows(along: axis + 2, size: reach, step: geometry.stride[axis])
            if dilation > 1 { windows = windows[TensorIndex.ellipsis, .every(dilation)] }
        }
        return windows
    }
}

extension ConvolutionGeometry {
    /// The convolution itself, or the one of which this one is the transposed (adjoint) one.
    var forward: ConvolutionGeometry {
        var forward = self
        forward.isTransposed = false
        forward.outputPadding = outputPadding.map { _ in 0 }
        return forward
    }

    /// Whether each patch is one pixel and each pixel one patch.
    var isPointwise: Bool {
        kernel.allSatisfy { $0 == 1 } && stride.allSatisfy { $0 == 1 } && padding.allSatisfy { $0 == 0 }
    }
}
