import Foundation
import TestSupport
import Testing

@testable import Training

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Collects what a page consists of.
final class PageReader: NSObject, XMLParserDelegate {
    var elements: [(name: String, attributes: [String: String])] = []
    var texts: [String] = []
    var fault: (any Error)?

    init(_ page: String) {
        super.init()
        let parser = XMLParser(data: Data(page.utf8))
        parser.delegate = self
        if !parser.parse() { fault = parser.parserError }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) { elements.append((name, attributes)) }

    func parser(_ parser: XMLParser, foundCharacters string: String) { texts.append(string) }

    func count(_ name: String) -> Int { elements.count { $0.name == name } }
}

@Suite struct PageTests {
    let folder = TemporaryFolder()

    /// What a comparison gives, stopped after a number of steps.
    private func results(_ plan: ComparisonPlan = .points(), steps: Int = .max) throws -> ComparisonResults {
        var results: ComparisonResults?
        let cancellation = Cancellation()
        var done = 0
        try PointsMaker().comparison(plan).run(
            in: ComparisonFolder(path: folder(UUID().uuidString), plan: plan), cancellation: cancellation
        ) { event in
            if case .step = event { done += 1 }
            if done >= steps { cancellation.request() }
            if case .end(let end, _) = event { results = end }
        }
        return try #require(results)
    }

    @Test func thePageIsWellFormedAndComplete() throws {
        let page = try results().page
        #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\"><head>"))
        let reader = PageReader(page)
        #expect(reader.fault == nil, "\(String(describing: reader.fault))")
        // Training loss, test loss and test error against steps and seconds; two methods in each.
        #expect(reader.elements.count { $0.name == "svg" && $0.attributes["role"] == "img" } == 6)
        #expect(reader.elements.count { $0.name == "polyline" } == 12)
        #expect(reader.elements.count { $0.name == "polygon" } == 12)
        // Two targets in the two charts of the metric.
        #expect(reader.elements.count { $0.attributes["class"] == "mark" } == 4)
        #expect(reader.count("details") == 2)
        let identifiers = reader.elements.compactMap { $0.attributes["id"] }
        #expect(Set(identifiers).count == identifiers.count)
        let text = reader.texts.joined(separator: "\n")
        for part in ["Complete: 12 runs.", "3 of 3", "learning-rate 0.001:1.0", "processor"] {
            #expect(text.contains(part), "\(part)")
        }
        #expect(!text.contains("nan") && !text.contains("inf "))
    }

    @Test func thePageNeedsNothingBesides() throws {
        let page = try results().page
        for forbidden in ["http:", "https:", "//", "<script", "@import", "src=", "<link", "url(h"] {
            #expect(!page.contains(forbidden), "\(forbidden)")
        }
        for reference in page.matches(of: /url\(([^)]*)\)/) { #expect(reference.1.hasPrefix("#")) }
    }

    @Test(arguments: [0, 1, 10, 40, 60])
    func aPartOfAComparisonHasAPage(steps: Int) throws {
        let results = try results(steps: steps)
        let reader = PageReader(results.page)
        #expect(reader.fault == nil)
        let text = reader.texts.joined()
        #expect(text.contains("Not complete: \(results.records.count) of 12 runs are done."))
    }

    @Test func runsThatFailAndMissDoNotBreakThePage() throws {
        let hopeless = ComparisonMethod(
            "hopeless", optimizer: "sgd", options: [.init("learning-rate", .values(["1e200"]))])
        let plan = ComparisonPlan.points([hopeless, .adam], targets: [.value(-1)])
        let reader = PageReader(try results(plan).page)
        #expect(reader.fault == nil)
        let text = reader.texts.joined(separator: "\n")
        #expect(text.contains("0 of 3"))
        #expect(text.contains("–"))
        let points = reader.elements.compactMap { $0.attributes["points"] }.joined(separator: " ")
        #expect(!points.isEmpty && !points.contains("n"))
    }

    @Test func textIsEscaped() throws {
        var plan = ComparisonPlan.points()
        plan.subject.problem = "<b>&\"'\u{1}</b>]]>"
        plan.subject.conditions = [Setting("<i>", "&amp;")]
        let results = ComparisonResults(plan: plan, records: [])
        let reader = PageReader(results.page)
        #expect(reader.fault == nil)
        #expect(reader.count("b") == 0 && reader.count("i") == 0)
        let text = reader.texts.joined()
        #expect(text.contains("Comparison of optimisers: <b>&\"'\u{FFFD}</b>]]>"))
        #expect(text.contains("<i>") && text.contains("&amp;"))
    }

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
