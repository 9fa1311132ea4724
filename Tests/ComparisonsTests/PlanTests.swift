import Datasets
import Foundation
import KFAC
import Testing

@testable import Comparisons
@testable import Reports
@testable import Training

@Suite struct PlanTests {
    let plan = ComparisonPlan.points()

    @Test func aPlanIsReadAsItIsWritten() throws {
        let data = try JSONEncoder().encode(plan)
        #expect(try JSONDecoder().decode(ComparisonPlan.self, from: data) == plan)
    }

    /// Each change of a plan, and the difference that is named.
    static let changes: [(change: @Sendable (inout ComparisonPlan) -> Void, difference: String)] = [
        ({ $0.steps = 11 }, "steps: 10 there, 11 now"),
        ({ $0.seeds = [1, 2] }, "seeds: 1, 2, 3 there, 1, 2 now"),
        ({ $0.batchSize = 6 }, "batch size: 5 there, 6 now"),
        ({ $0.batchSize = .growing(from: 5, steps: 9) }, "batch size: 5 there, from 5 to all in 9 steps now"),
        ({ $0.evaluationPeriod = 5 }, "evaluation period: 4 there, 5 now"),
        ({ $0.evaluationLimit = 2 }, "examples of a test: all there, 2 now"),
        ({ $0.averaging = .exponential(decay: 0.5) }, "tested: parameters there, average of parameters, decay 0.5 now"),
        ({ $0.averaging = .uniform(from: 3) }, "tested: parameters there, mean of parameters from step 3 now"),
        ({ $0.metric = .testLoss }, "metric: test error there, test loss now"),
        ({ $0.targets = [.value(0.5)] }, "targets: 0.5, best:adam there, 0.5 now"),
        ({ $0.targets = [] }, "targets: 0.5, best:adam there, none now"),
        ({ $0.tuning.trials = 4 }, "trials: 3 there, 4 now"),
        ({ $0.tuning.steps = 4 }, "steps of a trial: 6 there, 4 now"),
        ({ $0.tuning.seed = 4 }, "seed of the trials: 7 there, 4 now"),
        ({ $0.subject.problem = "x" }, "problem: points there, x now"),
        ({ $0.subject.parameters = 3 }, "parameters: 2 there, 3 now"),
        ({ $0.subject.trainingExamples = 3 }, "training examples: 12 there, 3 now"),
        ({ $0.subject.testExamples = 3 }, "test examples: 4 there, 3 now"),
        ({ $0.subject.conditions = [Setting("threads", "2")] }, "threads: not given there, 2 now"),
        ({ $0.methods.removeLast() }, "methods: sgd, adam there, sgd now"),
        (
            { $0.methods[1] = ComparisonMethod("adam", optimizer: "adam", options: []) },
            "method adam: adam: learning-rate 0.001:1.0 there, adam now"
        ),
    ]

    @Test(arguments: changes.indices)
    func differencesAreNamed(index: Int) {
        var other = plan
        Self.changes[index].change(&other)
        #expect(plan.difference(from: other) == Self.changes[index].difference)
        #expect(plan.difference(from: plan) == nil)
    }

    @Test func methodsTakeTurns() {
        let plan = ComparisonPlan.points([.sgd, .adam], seeds: [4, 2])
        #expect(
            plan.tuningRuns.map(\.title) == [
                "sgd, trial 1", "adam, trial 1", "sgd, trial 2", "adam, trial 2", "sgd, trial 3", "adam, trial 3",
            ])
        #expect(plan.tuningRuns.allSatisfy { $0.seed == 7 && $0.steps == 6 })
        let settings = [Setting("learning-rate", "1")]
        let runs = plan.finalRuns(["sgd": settings, "adam": settings])
        #expect(runs.map(\.title) == ["sgd, seed 4", "adam, seed 4", "sgd, seed 2", "adam, seed 2"])
        #expect(runs.map(\.file)[3] == "runs/adam/seed-2.csv")
        #expect(runs.allSatisfy { $0.settings == settings && $0.steps == 10 })
        #expect(plan.finalRuns(["adam": settings]).map(\.title) == ["adam, seed 4", "adam, seed 2"])
    }

    @Test func whatIsFixedIsNotTuned() {
        let fixed = ComparisonMethod("fixed", optimizer: "sgd", options: [.init("learning-rate", .values(["0.1"]))])
        #expect(!fixed.isTunable)
        #expect(ComparisonPlan.points([fixed]).tuningRuns.isEmpty)
    }
}
