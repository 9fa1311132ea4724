import Testing

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Where a factor beyond the limit is cut.
@Suite struct BlockLayoutTests {
    /// The sizes of the blocks of one group.
    private func sizes(_ layout: BlockLayout) -> [Int] {
        Array(repeating: layout.size, count: layout.count) + (layout.rest == 0 ? [] : [layout.lastSize])
    }

    struct Case: Sendable {
        var units: Int
        var elements = 1
        var hasBias = false
        var limit = 8
        var blockSize = 4
        /// Nil where the factor stays dense.
        var sizes: [Int]?
    }

    @Test(arguments: [
        // At the limit, and one above it; the bias counts.
        Case(units: 8, sizes: nil), Case(units: 9, sizes: [3, 3, 3]),
        Case(units: 7, hasBias: true, sizes: nil), Case(units: 8, hasBias: true, sizes: [4, 5]),
        // As equal as can be; the bias goes with the last units.
        Case(units: 12, sizes: [4, 4, 4]), Case(units: 10, sizes: [4, 4, 2]), Case(units: 13, sizes: [4, 4, 4, 1]),
        Case(units: 12, hasBias: true, sizes: [4, 4, 5]), Case(units: 13, hasBias: true, sizes: [4, 4, 4, 2]),
        // Kernels stay whole where they fit, and are cut where they do not.
        Case(units: 5, elements: 2, sizes: [4, 4, 2]),
        Case(units: 5, elements: 3, hasBias: true, sizes: [3, 3, 3, 3, 4]),
        Case(units: 2, elements: 5, sizes: [4, 4, 2]), Case(units: 1, elements: 9, sizes: [3, 3, 3]),
        // Blocks are never larger than the limit, and there are at least two.
        Case(units: 9, blockSize: 100, sizes: [5, 4]), Case(units: 8, hasBias: true, blockSize: 100, sizes: [4, 5]),
        Case(units: 3, limit: 1, blockSize: 1, sizes: [1, 1, 1]),
        Case(units: 1, hasBias: true, limit: 1, blockSize: 1, sizes: nil),
    ]) func cuts(test: Case) throws {
        let settings = FactorSettings(dimensionLimit: test.limit, blockSize: test.blockSize)
        for groups in [1, 3] {
            let layout = BlockLayout(
                units: test.units, elements: test.elements, groups: groups, hasBias: test.hasBias, settings: settings)
            #expect(layout.map(sizes) == test.sizes)
            guard let layout, let sizes = test.sizes else { continue }
            #expect(layout.blockCount == groups * sizes.count)
            #expect(layout.dimension == groups * (test.units * test.elements + (test.hasBias ? 1 : 0)))
        }
    }

    @Test func vocabulariesAreCut() throws {
        let layout = try #require(BlockLayout(units: 200_000, settings: FactorSettings()))
        #expect(layout.size == 256 && layout.blockCount == 782 && layout.lastSize == 64)
        for units in [1024, 4097, 512 * 9 + 1, 5120] {
            #expect(BlockLayout(units: units, settings: FactorSettings()) == nil)
        }
    }
}
