import ArgumentParser
import Comparisons
import KFAC
import Torch
import Training

extension Compare {
    /// The plan, with all defaults filled in.
    func plan(of source: ProblemSource) throws -> ComparisonPlan {
        // Any seed shows how large the problem is and what its tests measure.
        var generators = RunGenerators(seed: 0, device: source.device)
        let problem = source.problem(using: &generators.parameters)
        return ComparisonPlan(
            subject: ComparisonPlan.Subject(
                problem: problem.name, parameters: problem.parameters.reduce(0) { $0 + $1.tensor.count },
                trainingExamples: problem.trainingCount, testExamples: problem.testCount,
                conditions: conditions(problem), data: problem.dataFingerprint),
            methods: try methodOptions.comparisonMethods(for: source.options.problem),
            tuning: runOptions.tuning,
            steps: runOptions.steps, seeds: (1...UInt64(runOptions.seeds)).map { $0 },
            batchSize: runOptions.batchSize(for: source.options.problem), evaluationPeriod: runOptions.testPeriod,
            evaluationLimit: runOptions.testLimit, averaging: runOptions.average.map { .exponential(decay: $0) },
            metric: try metric(of: problem), targets: runOptions.targets)
    }

    /// The conditions that are the same for all methods, besides the problem.
    private func conditions(_ problem: any Problem) -> [Setting] {
        var conditions: [Setting] = []
        if let name = problem.errorName { conditions.append(Setting("test error", name)) }
        // The names under which plans have them.
        let names = ["--augment": "augmentation"]
        for option in DeclaredOption.all(of: problemOptions)
        where problemOptions.problem.options.contains(option.name) {
            let name = names[option.name] ?? String(option.name.dropFirst(2))
            if let text = option.text { conditions.append(Setting(name, text)) }
        }
        return conditions + [
            Setting("device", "\(machineOptions.device)"), Setting("threads", "\(Runtime.threadCount)"),
            Setting("kfac", KFACTool.version),
        ]
    }

    /// The metric that was chosen or suits the problem.
    private func metric(of problem: any Problem) throws -> ComparisonMetric {
        let score = problem.evaluate(limit: 1)
        let metric =
            runOptions.metric ?? (score.error != nil ? .testError : score.accuracy != nil ? .testAccuracy : .testLoss)
        let isMeasured =
            switch metric {
            case .trainingLoss, .testLoss: true
            case .testError: score.error != nil
            case .testAccuracy: score.accuracy != nil
            }
        guard isMeasured else {
            throw ToolError("\(problem.name) has no \(metric.title): use another --metric, --metric test-loss for one")
        }
        if metric == .testAccuracy {
            for case .value(let number) in runOptions.targets where !(0...1).contains(number) {
                throw ToolError("the target \(number) is no accuracy: give a share from 0 to 1, 0.9 for 90 %")
            }
        }
        return metric
    }
}
