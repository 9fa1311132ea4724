public import Torch

/// A Kronecker factor too large to be kept with all its entries: dense blocks of consecutive units along its diagonal.
///
/// The blocks are those of the second moment; entries that connect different blocks are taken for zero. With k units in
/// each block, n units cost n k numbers instead of n², and n k² flops for an inverse instead of n³. See
/// ``FactorSettings/dimensionLimit``.
///
/// Inverses and powers are those of the current average; none are kept.
public final class BlockDiagonalFactor: RegisteredInverses {
    /// How the factor averages, and how large its blocks are.
    public let settings: FactorSettings
    let layout: BlockLayout
    /// The blocks of one size, [groups · count, size, size], or [size, size] of a single one.
    private var equal: MovingAverage
    /// The last block of each group, [groups, size, size], or [size, size] of one group.
    private var last: MovingAverage?
    private let plans: (equal: PatchPlans, last: PatchPlans)

    /// Creates a factor without statistics.
    init(_ layout: BlockLayout, settings: FactorSettings, dtype: DType, device: Device) {
        self.layout = layout
        self.settings = settings
        func average(count: Int, size: Int) -> MovingAverage {
            let shape = count == 1 ? [size, size] : [count, size, size]
            return MovingAverage(
                rule: settings.averaging, initialValue: settings.start.matrices(shape, dtype: dtype, device: device))
        }
        equal = average(count: layout.groups * layout.count, size: layout.size)
        last = layout.rest == 0 ? nil : average(count: layout.groups, size: layout.lastSize)
        plans = (PatchPlans(model: settings.costModel), PatchPlans(model: settings.costModel))
    }

    /// The number of rows and columns.
    public var dimension: Int { layout.dimension }

    /// The number of batches that the average has seen.
    public var updateCount: Int { equal.updateCount }

    /// The current average: the equal blocks and the last one, of each group; a view of memory that updates write.
    public var average: any SymmetricOperator {
        func blocks(_ matrices: Tensor) -> any SymmetricOperator {
            matrices.rank == 2 ? DenseOperator(matrices) : GroupedOperator(blocks: matrices)
        }
        guard let last = last?.value else { return blocks(equal.value) }
        if layout.groups == 1 { return DirectSumOperator([blocks(equal.value), blocks(last)]) }
        return DirectSumOperator(
            (0..<layout.groups).map { group in
                let own = equal.value[(group * layout.count)..<((group + 1) * layout.count)]
                return DirectSumOperator([blocks(own), blocks(last[group])])
            })
    }

    /// Moves the average by a batch of vectors: sources of several parts each.
    func update(rows sources: [[Rows]], decay: Double, weight: Double) {
        update(moments: sources.map { $0.map(layout.moments) }, decay: decay, weight: weight)
    }

    /// Moves the average by the patches of a batch of images, which a kernel meets in the given ways.
    func update(patchesOf sources: [[(images: Tensor, geometry: ConvolutionGeometry)]], decay: Double, weight: Double) {
        let moments = sources.map { parts in
            parts.map { layout.moments(ofPatchesOf: $0.images, $0.geometry, form: settings.statistics, plans: plans) }
        }
        update(moments: moments, decay: decay, weight: weight)
    }

    private func update(moments: [[BlockMoments]], decay: Double, weight: Double) {
        let form = settings.statistics
        equal.update(sources: moments.map { $0.map(\.equal) }, decay: decay, weight: weight, form: form)
        last?.update(sources: moments.map { $0.compactMap(\.last) }, decay: decay, weight: weight, form: form)
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.under("equal") { equal.save(to: &$0) }
        if let last { snapshot.under("last") { last.save(to: &$0) } }
    }

    public func restore(from reader: SnapshotReader) {
        equal.restore(from: reader.under("equal")) { self.equal = $0 }
        last?.restore(from: reader.under("last")) { self.last = $0 }
    }

    public func restart() {
        equal.restart()
        last?.restart()
    }

    public func fade(decay: Double) {
        equal.fade(decay: decay)
        last?.fade(decay: decay)
    }
}
