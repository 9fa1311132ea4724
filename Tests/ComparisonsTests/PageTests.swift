import Foundation
import TestSupport
import Testing

@testable import Comparisons
@testable import Reports
@testable import Training

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
}
