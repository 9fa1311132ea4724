import Torch

/// The patches that a convolution's kernel sees, as rows: the definition that faster forms are tested against.
///
/// Costs kernel-size times the input in memory and k⁴ C² flops for each location in the product that follows.
enum Patches {
    /// The patches of one batch.
    ///
    /// - Parameters:
    ///   - input: [batch, channels, spatial...].
    ///   - geometry: Any stride, padding and dilation, over any number of axes; groups are ignored.
    /// - Returns: Rows of channels · kernel elements, in the order [channel][kernel row][kernel column] of the weight.
    static func rows(of input: Tensor, geometry: ConvolutionGeometry, hasBias: Bool) -> Rows {
        let rank = geometry.spatialRank
        guard input.rank == rank + 2 else {
            fatalError("Patches: an input of shape \(input.shape) for a kernel \(geometry.kernel)")
        }
        if geometry.kernel.allSatisfy({ $0 == 1 }), geometry.stride.allSatisfy({ $0 == 1 }),
            geometry.padding.allSatisfy({ $0 == 0 })
        {
            return Rows(columns: Rows.channels(of: input).columns, hasBias: hasBias)
        }
        var windows = input
        if geometry.padding.contains(where: { $0 > 0 }) {
            windows = windows.padded(geometry.padding.reversed().map { ($0, $0) })
        }
        for axis in 0..<rank {
            // One window axis more at the end each time: [batch, channels, locations..., kernel...].
            let dilation = geometry.dilation[axis]
            let reach = dilation * (geometry.kernel[axis] - 1) + 1
            windows = windows.windows(along: axis + 2, size: reach, step: geometry.stride[axis])
            if dilation > 1 { windows = windows[TensorIndex.ellipsis, .every(dilation)] }
        }
        // [channels, kernel..., batch, locations...]: neighbouring locations stay neighbours in memory.
        let kernelAxes = Array((rank + 2)..<(2 * rank + 2))
        let order = [1] + kernelAxes + [0] + Array(2..<(rank + 2))
        let dimension = geometry.kernel.reduce(input.shape[1], *)
        return Rows(columns: windows.permuted(order).reshaped([dimension, -1]), hasBias: hasBias)
    }
}
