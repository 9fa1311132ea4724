import Testing

@testable import Reports

@Suite struct ChartTests {
    /// Ranges, whether they are to be logarithmic, and the ticks.
    static let ticks: [(ClosedRange<Double>, Bool, [Double])] = [
        (0...300, false, [0, 50, 100, 150, 200, 250, 300]), (0.13...0.32, false, [0.15, 0.2, 0.25, 0.3]),
        (-1...1, false, [-1, -0.5, 0, 0.5, 1]), (5...5, false, [3, 4, 5, 6, 7]),
        (0.9...120, true, [1, 2, 5, 10, 20, 50, 100]), (0.9...1200, true, [1, 3, 10, 30, 100, 300, 1000]),
        (1e-9...1e9, true, [1e-8, 1e-4, 1, 1e4, 1e8]),
        (5.5...62, true, [5, 10, 20, 50]),
    ]

    @Test(arguments: ticks)
    func ticksAreRound(range: ClosedRange<Double>, isLogarithmic: Bool, expected: [Double]) {
        let scale = isLogarithmic ? ChartScale(fitting: range) : ChartScale(linear: range)
        #expect(scale.isLogarithmic == isLogarithmic)
        let ticks = scale.ticks(about: 6)
        #expect(ticks.count == expected.count, "\(ticks)")
        #expect(zip(ticks, expected).allSatisfy { abs($0 - $1) <= 1e-9 * abs($1) }, "\(ticks)")
    }

    private static let least = Double.leastNonzeroMagnitude

    /// Whatever numbers a file holds, there are ticks or none.
    @Test(arguments: [
        0...least, least...least, least...1e-300, least...1, least...1.7e308, -1.7e308...1.7e308, 1e308...1.7e308,
        -least...0, 1e22...1e22.nextUp, -1.7e308 ... -1e308, 0...1.7e308, 0...1000 * least,
    ])
    func extremeNumbersHaveAScale(range: ClosedRange<Double>) {
        for scale in [ChartScale(linear: range), ChartScale(fitting: range)] {
            #expect(scale.range.lowerBound < scale.range.upperBound)
            #expect(scale.ticks(about: 6).allSatisfy { (-0.01...1.01).contains(scale.place($0)) })
        }
    }

    @Test func placesGoFromEndToEnd() {
        let linear = ChartScale(linear: 2...10)
        #expect(linear.place(2) == 0 && linear.place(10) == 1 && linear.place(4) == 0.25)
        let logarithmic = ChartScale(fitting: 1...100)
        #expect(abs(logarithmic.place(10) - 0.5) < 1e-12)
        #expect(logarithmic.place(0) == -.infinity)
        #expect(!ChartScale(fitting: 0...100).isLogarithmic && !ChartScale(fitting: 50...100).isLogarithmic)
    }

    @Test(arguments: [
        (3.0, "3"), (0.123456, "0.1235"), (1_234_567, "1.235e+06"), (-2.5, "-2.5"), (.infinity, "–"), (.nan, "–"),
        (87.654, "87.65"),
    ])
    func numbersAreShort(number: Double, expected: String) { #expect(NumberText.short(number) == expected) }
}
