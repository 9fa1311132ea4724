import Foundation
import Testing

@testable import Comparisons
@testable import Reports
@testable import Training

/// A run that is over, with an evaluation each ten steps and a tenth of a second for a step.
private func record(_ method: String, seed: UInt64, _ errors: [Double?], perStep: Double = 0.1) -> RunRecord {
    let run = ComparisonRun(method: method, part: .final, settings: [], seed: seed, steps: (errors.count - 1) * 10)
    return RunRecord(
        run: run,
        points: errors.enumerated().map { index, error in
            RunPoint(
                step: index * 10, examples: index * 50, seconds: Double(index) * 10 * perStep,
                cpuSeconds: Double(index) * 20 * perStep, loss: index == 0 ? nil : error ?? .nan, testLoss: error,
                testError: error)
        })
}

@Suite struct StatisticsTests {
    /// Three seeds each: one of a's misses 2 by far, one of b's fails.
    let results = ComparisonResults(
        plan: .points(targets: [.value(2), .final(of: "adam")]),
        records: [
            record("sgd", seed: 1, [9, 4, 2, 1], perStep: 0.1), record("sgd", seed: 2, [9, 2, 3, 3], perStep: 0.1),
            record("sgd", seed: 3, [9, 8, 7, 6], perStep: 0.1), record("adam", seed: 2, [9, 5, 4, 2], perStep: 0.2),
            record("adam", seed: 1, [9, 5, 1, 1.5], perStep: 0.2), record("adam", seed: 3, [9, 3, nil], perStep: 0.2),
        ])

    @Test func targetsAreReachedAtTheFirstTestAtOrBelow() throws {
        let sgd = try #require(results.arrival(of: .sgd, at: 2))
        #expect(sgd.reached == 2 && sgd.runs == 3)
        #expect(sgd.steps == Spread([20, 10, .infinity]))
        #expect(sgd.steps.median == 20)
        #expect(abs(sgd.seconds.median - 2) < 1e-12 && sgd.seconds.high == .infinity)
        #expect(abs(sgd.cpuSeconds.median - 4) < 1e-12)
        let adam = try #require(results.arrival(of: .adam, at: 2))
        #expect(adam.reached == 2)
        #expect(adam.steps == Spread([30, 20, .infinity]))
        #expect(abs(adam.seconds.median - 6) < 1e-12)
    }

    @Test func advantagesAreRatiosToTheBestOther() throws {
        #expect(try #require(results.advantage(of: .sgd, at: 2, \.steps)) == 1.5)
        #expect(abs(try #require(results.advantage(of: .sgd, at: 2, \.seconds)) - 3) < 1e-12)
        #expect(abs(try #require(results.advantage(of: .adam, at: 2, \.steps)) - 2.0 / 3) < 1e-12)
        // At 1.5 sgd has one of three, so no median.
        #expect(results.advantage(of: .sgd, at: 1.5, \.steps) == nil)
        #expect(results.advantage(of: .adam, at: 1.5, \.steps) == nil)
    }

    @Test func aTargetCanBeAMethodsMedian() throws {
        // Adam's ends: 1.5, 2 and a failure, which counts as infinite.
        #expect(results.value(of: .final(of: "adam")) == 2)
        #expect(results.finalValue(of: .adam) == Spread([1.5, 2, .infinity]))
        #expect(results.finalValue(of: .sgd)?.median == 3)
        let unfinished = ComparisonResults(plan: results.plan, records: results.records.dropLast())
        #expect(unfinished.value(of: .final(of: "adam")) == nil)
        #expect(unfinished.value(of: .value(2)) == 2)
    }

    @Test func accuraciesAreReachedFromBelow() {
        var plan = results.plan
        plan.metric = .testAccuracy
        let points = [0.1, 0.5, 0.9].enumerated().map { index, accuracy in
            RunPoint(
                step: index * 10, examples: 0, seconds: 0, cpuSeconds: 0, testLoss: 1, testAccuracy: accuracy)
        }
        let run = record("sgd", seed: 1, [1, 1, 1]).run
        let accurate = ComparisonResults(plan: plan, records: [RunRecord(run: run, points: points)])
        #expect(accurate.arrival(of: .sgd, at: 0.5)?.steps.median == 10)
        #expect(accurate.arrival(of: .sgd, at: 0.95)?.reached == 0)
        #expect(accurate.arrival(of: .adam, at: 0.95) == nil)
    }

    @Test func curvesAreMediansOverTheSeeds() {
        let curve = results.curve(of: .testError, .adam)
        #expect(curve.map(\.step) == [0, 10, 20, 30])
        #expect(curve.map(\.value.median) == [9, 5, 4, 2])
        #expect(curve[2].value == Spread([4, 1, .infinity]))
        #expect(curve.map { ($0.seconds * 10).rounded() } == [0, 20, 40, 60])
        #expect(results.curve(of: .trainingLoss, .sgd).map(\.step) == [10, 20, 30])
        #expect(results.curve(of: .testAccuracy, .sgd).isEmpty)
        #expect(results.measuredMetrics == [.trainingLoss, .testLoss, .testError])
    }

    /// Trials of the three settings of gradient descent, with these ends.
    private func trials(_ errors: [Double?]) -> ComparisonResults {
        let plan = ComparisonPlan.points()
        let runs = plan.tuningRuns.filter { $0.method == "sgd" }
        return ComparisonResults(
            plan: plan,
            records: zip(runs, errors).map { run, error in
                RunRecord(
                    run: run,
                    points: [
                        RunPoint(
                            step: 6, examples: 30, seconds: 1, cpuSeconds: 1, loss: .nan, testLoss: error,
                            testError: error)
                    ])
            })
    }

    /// The ends of three trials, the best of them, and the options at whose edge it is.
    static let ends: [([Double?], Int, [String])] = [
        ([3.0, 1, 2], 1, []), ([1, 1, 2], 0, ["learning-rate"]), ([nil, 4, 2], 2, ["learning-rate"]),
        ([.nan, 4, nil], 1, []),
    ]

    @Test(arguments: ends)
    func theBestTrialIsChosen(errors: [Double?], best: Int, atEdge: [String]) {
        let results = trials(errors)
        guard case .chosen(let choice) = results.tuning(of: .sgd) else {
            Issue.record("nothing was chosen")
            return
        }
        #expect(choice.trial == best)
        #expect(choice.settings == ComparisonMethod.sgd.settings(ofTrial: best, outOf: 3))
        #expect(choice.atEdge == atEdge)
    }

    @Test func tuningMayBeUnfinishedOrInVain() {
        #expect(trials([1, 2]).tuning(of: .sgd) == .unfinished)
        #expect(trials([nil, .nan, .infinity]).tuning(of: .sgd) == .allFailed)
        #expect(trials([nil, nil, nil]).runCount == 6 + 3)
        #expect(trials([1, 2, 3]).runCount == 6 + 6)
    }
}
