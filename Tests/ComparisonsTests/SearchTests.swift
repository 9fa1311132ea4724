import Foundation
import Testing

@testable import Comparisons
@testable import Reports
@testable import Training

@Suite struct SearchTests {
    /// Grid cells' middles, then radical inverses to the bases 2 and 3, by hand.
    static let points: [(Int, [Double])] = [
        (0, [0.125, 0.375, 0.625, 0.875]), (1, [0.125, 0.625, 0.375, 0.875]),
        (2, [1 / 18, 7 / 18, 13 / 18, 3 / 18]),
    ]

    @Test(arguments: points)
    func pointsAreThoseOfHammersley(dimension: Int, expected: [Double]) {
        let points = (0..<4).map { SearchPoints.coordinate(of: $0, outOf: 4, dimension: dimension) }
        #expect(zip(points, expected).allSatisfy { abs($0 - $1) < 1e-15 })
    }

    @Test(arguments: [1, 2, 7, 16, 100])
    func eachCellOfTheFirstDimensionsHasAPoint(count: Int) {
        for dimension in 0..<SearchPoints.dimensions {
            let points = (0..<count).map { SearchPoints.coordinate(of: $0, outOf: count, dimension: dimension) }
            #expect(points.allSatisfy { $0 > 0 && $0 < 1 })
            #expect(Set(points).count == count)
        }
    }

    @Test func rangesOfNumbersAreSearchedInTheLogarithm() {
        let method = ComparisonMethod(
            "a", optimizer: "a",
            options: [
                .init("fixed", .values(["x"])), .init("rate", .logUniform(from: 1e-4, to: 1)),
                .init("list", .values(["1", "2"])), .init("same", .logUniform(from: 0.5, to: 0.5)),
            ])
        let settings = (0..<4).map { method.settings(ofTrial: $0, outOf: 4) }
        #expect(settings.map { $0.map(\.name) }.allSatisfy { $0 == ["fixed", "rate", "list", "same"] })
        #expect(settings.map { $0[0].value } == ["x", "x", "x", "x"])
        // 10 to the powers −3.5, −2.5, −1.5, −0.5, to three digits.
        #expect(settings.map { $0[1].value } == ["0.000316", "0.00316", "0.0316", "0.316"])
        #expect(settings.map { $0[2].value } == ["1", "2", "1", "2"])
        #expect(settings.map { $0[3].value } == ["0.5", "0.5", "0.5", "0.5"])
    }

    @Test func methodsAreTriedAtTheSamePlaces() {
        let other = ComparisonMethod("b", optimizer: "b", options: [.init("x", .logUniform(from: 0.01, to: 10))])
        for trial in 0..<5 {
            let rate = Double(ComparisonMethod.sgd.settings(ofTrial: trial, outOf: 5)[0].value)!
            let x = Double(other.settings(ofTrial: trial, outOf: 5)[0].value)!
            #expect(abs(x / rate - 10) < 0.1)
        }
    }

    @Test(arguments: ["0.001:1.0", "0.5", "1,2,three", "exact", "1e-05:0.1"])
    func rangesAreReadAsTheyAreWritten(text: String) throws {
        let range = try #require(SearchRange(text))
        #expect(range.description == text)
        let data = try JSONEncoder().encode([range])
        #expect(try JSONDecoder().decode([SearchRange].self, from: data) == [range])
    }

    @Test(arguments: ["", "1:", "0:1", "-1:1", "2:1", "1:inf", "nan:1", "1e-320:1e300", "1:2:3", "1,,2", ",", "a:b"])
    func otherRangesAreNotRead(text: String) {
        #expect(SearchRange(text) == nil)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([SearchRange].self, from: JSONEncoder().encode([text]))
        }
    }

    @Test(arguments: [
        ("adam", true), ("k-fac_2.1", true), ("", false), ("-a", false), ("a/b", false), ("a b", false), ("ä", false),
        (String(repeating: "a", count: 40), true), (String(repeating: "a", count: 41), false), ("..", false),
    ])
    func labelsCanBeNamesOfFolders(label: String, isValid: Bool) {
        #expect(ComparisonMethod.isValid(label: label) == isValid)
    }

    @Test(arguments: [("10.0", ComparisonTarget.value(10)), ("best:adam", .final(of: "adam"))])
    func targetsAreReadAsTheyAreWritten(text: String, target: ComparisonTarget) throws {
        #expect(ComparisonTarget(text) == target)
        #expect(target.description == text)
        let data = try JSONEncoder().encode([target])
        #expect(try JSONDecoder().decode([ComparisonTarget].self, from: data) == [target])
    }

    @Test(arguments: ["", "nan", "inf", "best", "best:", "best:a b", "ten"])
    func otherTargetsAreNotRead(text: String) { #expect(ComparisonTarget(text) == nil) }
}
