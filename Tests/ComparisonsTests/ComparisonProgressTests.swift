import Foundation
import TestSupport
import Testing

@testable import Comparisons
@testable import Reports
@testable import Training

@Suite struct ComparisonProgressTests {
    let folder = TemporaryFolder()

    /// What a terminal shows of a comparison.
    private func text(
        _ plan: ComparisonPlan, width: Int? = nil, isQuiet: Bool = false, steps: Int = .max
    ) throws -> String {
        var text = ""
        let terminal = Terminal(write: { text += $0 }, width: { width })
        let progress = ComparisonProgress(
            to: terminal, isQuiet: isQuiet, folder: "here", continuation: "kfac compare again")
        let cancellation = Cancellation()
        var done = 0
        try PointsMaker().comparison(plan).run(
            in: ComparisonFolder(path: folder("a"), plan: plan), cancellation: cancellation
        ) { event in
            progress.receive(event)
            if case .step = event { done += 1 }
            if done >= steps { cancellation.request() }
        }
        return text
    }

    /// The text without what differs from run to run.
    private func withoutTimes(_ text: String) -> String {
        text.replacing(/[0-9.]+( \([0-9.e-]+ to [0-9.e-]+\))? s\b/, with: "T s")
    }

    @Test func aLineForEachRun() throws {
        var plan = ComparisonPlan.points([.wild, .adam], seeds: [1, 2], targets: [.value(1e-9)])
        plan.tuning.trials = 2
        plan.metric = .testLoss
        let lines = withoutTimes(try text(plan)).split(separator: "\n").map(String.init)
        #expect(lines.count == 20, "\(lines)")
        #expect(
            lines[..<4] == [
                "points: 2 parameters, 12 training examples, 4 test examples",
                "wild: sgd: learning-rate 0.1,1e300", "adam: adam: learning-rate 0.001:1.0",
                "4 trials of 6 steps, then 4 runs of 10 steps",
            ])
        #expect(lines[4].wholeMatch(of: /1\/8 wild, trial 1 \(learning-rate 0.1\): test loss [0-9.e-]+, T s/) != nil)
        #expect(
            lines[6] == "3/8 wild, trial 2 (learning-rate 1e300): failed: the loss is not finite at step 1: lower the "
                + "learning rate, or raise the damping if there is one")
        #expect(lines[8] == "wild: best with learning-rate 0.1")
        #expect(lines[9].hasPrefix("adam: best with learning-rate 0."))
        #expect(lines[9].hasSuffix(", at the edge of what was tried"))
        #expect(lines[10].wholeMatch(of: /5\/8 wild, seed 1: test loss [0-9.e-]+, T s/) != nil)
        #expect(lines[14] == "completed: 8 of 8 runs")
        #expect(lines[15].hasPrefix("wild: test loss "))
        #expect(lines[16] == "  1e-09 reached by 0 of 2")
        #expect(lines.last == "report: here/report.html")
    }

    @Test func anInterruptionSaysHowToGoOn() throws {
        let text = try text(.points(), steps: 10)
        let end = "interrupted: 1 of 12 runs\nreport: here/report.html\nto continue: kfac compare again\n"
        #expect(text.hasSuffix(end))
        let continued = try self.text(.points())
        #expect(continued.contains("\ncontinued: 1 run done before\n2/12 adam, trial 1 "))
        #expect(continued.contains("\ncompleted: 12 of 12 runs\n"))
        let reached = continued.split(separator: "\n").filter { $0.contains(" reached by 3 of 3, in ") }
        #expect(!reached.isEmpty, "\(continued)")
    }

    @Test func quietTellsTheResultsOnly() throws {
        #expect(try text(.points(), width: 80, isQuiet: true).hasPrefix("completed: 12 of 12 runs\n"))
    }

    @Test func aTerminalShowsTheRunInProgress() throws {
        let text = try text(.points(), width: 100)
        #expect(text.contains("\r1/12 sgd, trial 1 [=") || text.contains("\r1/12 sgd, trial 1 [ "))
        #expect(text.contains("\r\u{1B}[K1/12 sgd, trial 1 (learning-rate 0.00316): test error "))
        let bars = text.split(whereSeparator: { $0 == "\n" || $0 == "\r" }).filter { $0.contains(" left") }
        #expect(bars.allSatisfy { $0.replacing("\u{1B}[K", with: "").count < 100 })
    }

    @Test func theTimeLeftCountsEachMethodsOwnSteps() {
        let plan = ComparisonPlan.points(seeds: [1, 2])
        let runs = plan.tuningRuns
        var estimate = ComparisonEstimate(plan, stored: [])
        #expect(estimate.secondsLeft(nil).isNaN)
        // Of 2 × (18 + 20) steps, three of sgd at 2 seconds: the others are taken for as slow.
        #expect(estimate.secondsLeft((method: "sgd", steps: 3, seconds: 6)) == 2 * (76 - 3))
        estimate.note(12, steps: 6, of: "sgd")
        estimate.finish(runs[0])
        estimate.note(6, steps: 6, of: "adam")
        estimate.finish(runs[1])
        #expect(estimate.secondsLeft(nil) == 2 * 32 + 32)
        #expect(estimate.secondsLeft((method: "adam", steps: 2, seconds: 2)) == 2 * 32 + 30)
        estimate.drop(20, of: "sgd")
        #expect(estimate.secondsLeft(nil) == 2 * 12 + 32)
    }
}
