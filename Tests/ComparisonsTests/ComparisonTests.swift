import Foundation
import TestSupport
import Testing

@testable import Comparisons
@testable import Reports
@testable import Training

@Suite struct ComparisonTests {
    let folder = TemporaryFolder()

    /// Runs a comparison, and returns what it made.
    @discardableResult
    private func compare(
        _ plan: ComparisonPlan, in name: String = "a", cancellation: Cancellation = Cancellation(),
        onEvent: @escaping (ComparisonEvent) -> Void = { _ in }
    ) throws -> PointsMaker {
        let maker = PointsMaker()
        try maker.comparison(plan).run(
            in: ComparisonFolder(path: folder(name), plan: plan), cancellation: cancellation, onEvent: onEvent)
        return maker
    }

    /// The records of all runs in a folder, by file, without their times.
    private func records(_ name: String = "a") throws -> [String: [RunPoint]] {
        var records: [String: [RunPoint]] = [:]
        let files = FileManager.default.enumerator(atPath: folder(name))!.compactMap { $0 as? String }
        for file in files where file.hasPrefix("runs/") && file.hasSuffix(".csv") {
            let text = try String(contentsOfFile: folder("\(name)/\(file)"), encoding: .utf8)
            records[file] = try RunTable.points(text, steps: file.contains("tune") ? 6 : 10).map {
                var point = $0
                point.seconds = 0
                point.cpuSeconds = 0
                return point
            }
        }
        return records
    }

    @Test func everyRunLeavesItsRecords() throws {
        try compare(.points())
        let records = try records()
        #expect(records.count == 2 * (3 + 3))
        for (file, points) in records {
            #expect(points.map(\.step) == (file.contains("tune") ? [0, 4, 6] : [0, 4, 8, 10]))
            // Batches of 5, 5 and 2.
            #expect(points.map(\.examples) == (file.contains("tune") ? [0, 17, 24] : [0, 17, 34, 41]))
            #expect(points[0].loss == nil && points[1...].allSatisfy { $0.loss!.isFinite })
            #expect(points.allSatisfy { $0.testError == $0.testLoss! * 2 && $0.testAccuracy == nil })
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder("a")).sorted()
        #expect(
            names == [
                "choices.json", "machines.json", "plan.json", "report.html", "runs", "summary.csv", "tuning.csv",
            ])
    }

    @Test func timesGrow() throws {
        try compare(.points(seeds: [1]))
        let text = try String(contentsOfFile: folder("a/runs/adam/seed-1.csv"), encoding: .utf8)
        let points = try RunTable.points(text, steps: 10)
        #expect(points[0].seconds == 0 && points[0].cpuSeconds == 0)
        #expect(zip(points, points[1...]).allSatisfy { $0.seconds < $1.seconds && $0.cpuSeconds <= $1.cpuSeconds })
        #expect(points[3].cpuSeconds > 0)
    }

    @Test func aSeedDecidesOnParametersAndBatchesForAllMethods() throws {
        let maker = try compare(.points())
        for seed: UInt64 in [1, 2, 3, 7] {
            let made = maker.problems.filter { $0.run.seed == seed }
            #expect(made.count == (seed == 7 ? 6 : 2))
            #expect(Set(made.map(\.run.method)) == ["sgd", "adam"])
            #expect(Set(made.map(\.initial)).count == 1)
            #expect(Set(made.map(\.problem.dealt)).count == 1)
            #expect(made[0].problem.dealt.count == (seed == 7 ? 6 : 10))
        }
        #expect(Set(maker.problems.map(\.initial)).count == 4)
        #expect(Set(maker.problems.filter { $0.run.part == .final }.map(\.problem.dealt)).count == 3)
    }

    @Test func theSameComparisonGivesTheSameNumbers() throws {
        try compare(.points(), in: "a")
        try compare(.points(), in: "b")
        #expect(try records("a") == records("b"))
        let tables = try ["a", "b"].map { try String(contentsOfFile: folder("\($0)/tuning.csv"), encoding: .utf8) }
        #expect(tables[0] == tables[1])
    }

    /// Interrupted in trials and final runs, after first and last steps, and continued.
    @Test(arguments: [1, 5, 6, 7, 20, 36, 37, 40, 66, 95, 96])
    func anInterruptedComparisonIsContinued(step: Int) throws {
        try compare(.points(), in: "whole")
        let cancellation = Cancellation()
        var steps = 0
        var outcome: RunSummary.Outcome?
        try compare(.points(), cancellation: cancellation) { event in
            if case .step = event { steps += 1 }
            if case .end(_, let end) = event { outcome = end }
            if steps == step { cancellation.request() }
        }
        #expect(outcome == .interrupted(signal: nil))
        #expect(steps == step)
        #expect(FileManager.default.fileExists(atPath: folder("a/report.html")))
        let before = try records()
        #expect(before.allSatisfy { $0.value.last!.step == ($0.key.contains("tune") ? 6 : 10) })

        let maker = try compare(.points())
        #expect(maker.problems.count == 12 - before.count)
        #expect(try records() == records("whole"))
        for name in ["plan.json", "choices.json", "tuning.csv"] {
            #expect(
                FileManager.default.contents(atPath: folder("a/\(name)"))
                    == FileManager.default.contents(atPath: folder("whole/\(name)")))
        }
        let partial = FileManager.default.enumerator(atPath: folder("a"))!.compactMap { $0 as? String }
        #expect(!partial.contains { $0.hasSuffix(".partial") })
    }

    @Test func whatIsDoneIsNotDoneAgain() throws {
        try compare(.points())
        var isStarted = false
        let maker = try compare(.points()) { event in
            if case .start(_, let stored) = event {
                #expect(stored.count == 12)
                isStarted = true
            }
        }
        #expect(isStarted)
        #expect(maker.problems.isEmpty)
    }

    @Test func aKilledRunIsDoneAnew() throws {
        try compare(.points(seeds: [1]), in: "whole")
        try FileManager.default.createDirectory(
            atPath: folder("a/runs/sgd"), withIntermediateDirectories: true)
        try folder.write(Array("step,exam".utf8), to: "a/runs/sgd/tune-1.csv.partial")
        let plan = try String(contentsOfFile: folder("whole/plan.json"), encoding: .utf8)
        try folder.write(Array(plan.utf8), to: "a/plan.json")
        try compare(.points(seeds: [1]))
        #expect(try records() == records("whole"))
    }

    @Test func aRunThatFailsIsRecordedAndTheOthersGoOn() throws {
        var plan = ComparisonPlan.points([.wild, .adam], seeds: [1, 2])
        plan.tuning.trials = 4
        var failures: [String] = []
        var choices: [String: ComparisonResults.Choice?] = [:]
        try compare(plan) { event in
            if case .runEnd(let record, .some(let failure)) = event {
                failures.append("\(record.run.title): \(failure)")
            }
            if case .choice(let method, let choice) = event { choices[method.label] = choice }
        }
        let reason = "the loss is not finite at step 1: lower the learning rate, or raise the damping if there is one"
        #expect(failures == ["wild, trial 3: \(reason)", "wild, trial 4: \(reason)"])
        let text = try String(contentsOfFile: folder("a/runs/wild/tune-3.csv"), encoding: .utf8)
        #expect(text.split(separator: "\n").count == 3)
        let failed = try #require(RunTable.points(text, steps: 6).last)
        #expect(failed.step == 2 && failed.loss?.isFinite == false && failed.testLoss == nil)
        #expect(choices["wild"]??.settings == [Setting("learning-rate", "0.1")])
        let table = try String(contentsOfFile: folder("a/tuning.csv"), encoding: .utf8)
        #expect(table.contains("wild,3,\"learning-rate 1e300\",7,6,,2,no\n"))
    }

    @Test func aMethodThatAlwaysFailsTakesNoFurtherPart() throws {
        let hopeless = ComparisonMethod(
            "hopeless", optimizer: "sgd", options: [.init("learning-rate", .logUniform(from: 1e200, to: 1e300))])
        var outcome: RunSummary.Outcome?
        var isAbandoned = false
        try compare(.points([hopeless, .sgd], targets: [.final(of: "hopeless")])) { event in
            if case .choice(hopeless, nil) = event { isAbandoned = true }
            if case .end(let results, let end) = event {
                #expect(results.isComplete)
                #expect(results.value(of: .final(of: "hopeless")) == nil)
                outcome = end
            }
        }
        #expect(isAbandoned && outcome == .completed)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("a/runs/hopeless")).count == 3)
        let page = try String(contentsOfFile: folder("a/report.html"), encoding: .utf8)
        #expect(page.contains("no trial got to its end"))
    }

    @Test func mistakesEndTheComparison() throws {
        struct Mistake: Error {}
        let comparison = Comparison(
            plan: .points(), problem: { PointsProblem(using: &$0) }, optimizer: { _, _, _ in throw Mistake() })
        let folder = try ComparisonFolder(path: folder("a"), plan: .points())
        #expect(throws: Mistake.self) { try comparison.run(in: folder) }
        #expect(try records().isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: self.folder("a/runs/sgd")).isEmpty)
    }
}
