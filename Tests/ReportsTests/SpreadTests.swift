import Testing

@testable import Reports

@Suite struct SpreadTests {
    /// Numbers, their median, the least and the greatest.
    static let spreads: [([Double], Double, Double, Double)] = [
        ([3.0], 3.0, 3.0, 3.0), ([5, 1, 3], 3, 1, 5), ([4, 1, 3, 2], 2.5, 1, 4),
        ([1, .infinity, 2], 2, 1, .infinity), ([1, .infinity], .infinity, 1, .infinity),
        ([.infinity, .infinity], .infinity, .infinity, .infinity), ([1e308, 1.2e308], 1.1e308, 1e308, 1.2e308),
        ([-.infinity, 1, -.infinity], -.infinity, -.infinity, 1),
    ]

    @Test(arguments: spreads)
    func spreadsHaveMediansAndEnds(numbers: [Double], median: Double, low: Double, high: Double) throws {
        let spread = try #require(Spread(numbers))
        #expect(spread == (try #require(Spread(numbers.reversed()))))
        #expect(spread.median == median)
        #expect(spread.low == low)
        #expect(spread.high == high)
    }

    @Test func nothingAndNaNHaveNoSpread() {
        #expect(Spread([]) == nil)
        #expect(Spread([1, .nan]) == nil)
    }
}
