import Comparisons
import Datasets
import Foundation
import KFAC
import Torch
import Training

extension FuzzTarget {
    /// The files that a comparison is continued from, and a report made of.
    static let comparisons: [FuzzTarget] = [
        comparison("comparison-plan", file: "plan.json", executions: 1500),
        comparison("comparison-records", file: "runs/sgd/seed-1.csv", executions: 300),
        comparison("comparison-choices", file: "choices.json", executions: 200),
        comparison("comparison-machines", file: "machines.json", executions: 200),
    ]

    /// Continues a comparison that is done, with one of its files replaced.
    private static func comparison(_ name: String, file: String, executions: Int) -> FuzzTarget {
        let folder = ScratchFile("runs/sgd/seed-1.csv").folder
        return FuzzTarget(name, executions: executions, isText: true, refusals: [ComparisonError.self]) { bytes in
            let files = FileManager.default
            for rest in ["plan.json", "choices.json", "machines.json"] {
                try? files.removeItem(atPath: "\(folder)/\(rest)")
            }
            func write(_ content: some Sequence<UInt8>, _ file: String) throws {
                try Data(content).write(to: URL(fileURLWithPath: "\(folder)/\(file)"))
            }
            try write(JSONEncoder().encode(plan), "plan.json")
            try write(records.utf8, "runs/sgd/seed-1.csv")
            try write(bytes, file)
            let comparison = Comparison(plan: plan) { _ in
                throw FuzzFault("a run that was done is repeated")
            } optimizer: { _, _, _ in
                throw FuzzFault("an optimizer is made")
            }
            let opened = try ComparisonFolder(path: folder, plan: plan)
            let outcome = try comparison.run(in: opened)
            try require(outcome == .completed, "\(outcome)")
            let page = try String(contentsOfFile: "\(folder)/report.html", encoding: .utf8)
            try require(page.hasSuffix("</html>\n"), "the report is not complete")
        }
    }

    private static let plan = ComparisonPlan(
        subject: ComparisonPlan.Subject(problem: "points", parameters: 3, trainingExamples: 10, testExamples: 5),
        methods: [ComparisonMethod("sgd", optimizer: "sgd", options: [.init("learning-rate", .values(["0.1"]))])],
        tuning: ComparisonPlan.Tuning(trials: 2, steps: 10, seed: 0), steps: 10, seeds: [1],
        batchSize: .growing(from: 2, steps: 5), evaluationPeriod: 5, evaluationLimit: 4,
        averaging: .exponential(decay: 0.9), metric: .testError, targets: [.value(0.5), .final(of: "sgd")])

    private static let records = """
        step,examples,seconds,cpu_seconds,loss,test_loss,test_error,test_accuracy
        0,0,0.0,0.0,,1.5,0.75,0.25
        5,40,0.5,0.75,1.25,1.0,0.5,0.5
        10,80,1.0,1.5,0.75,0.5,0.25,0.75

        """
}
