import Datasets
import KFAC
import Training

extension ComparisonPlan {
    /// All of the plan as names and values, for people.
    var facts: [Setting] {
        var facts = [
            Setting("problem", subject.problem), Setting("parameters", "\(subject.parameters)"),
            Setting("training examples", "\(subject.trainingExamples)"),
            Setting("test examples", "\(subject.testExamples)"),
        ]
        facts += (subject.data ?? [:]).sorted { $0.key < $1.key }.map {
            Setting($0.key, DataFingerprint.short($0.value))
        }
        facts += subject.conditions
        facts += [
            Setting("batch size", batchSizeText), Setting("steps", "\(steps)"),
            Setting("seeds", seeds.map { "\($0)" }.joined(separator: ", ")),
            Setting("evaluation period", "\(evaluationPeriod)"),
            Setting("examples of a test", evaluationLimit.map { "\($0)" } ?? "all"),
            Setting("tested", testedText), Setting("metric", metric.title),
            Setting("targets", targets.isEmpty ? "none" : targets.map(\.description).joined(separator: ", ")),
            Setting("trials", "\(tuning.trials)"), Setting("steps of a trial", "\(tuning.steps)"),
            Setting("seed of the trials", "\(tuning.seed)"),
            Setting("methods", methods.map(\.label).joined(separator: ", ")),
        ]
        return facts + methods.map { Setting("method \($0.label)", $0.description) }
    }

    private var batchSizeText: String {
        switch batchSize {
        case .constant(let size): "\(size)"
        case .growing(let first, let steps): "from \(first) to all in \(steps) steps"
        }
    }

    private var testedText: String {
        switch averaging {
        case nil: "parameters"
        case .exponential(let decay)?: "average of parameters, decay \(decay)"
        case .uniform(let first)?: "mean of parameters from step \(first)"
        }
    }

    /// The first difference between this plan and another, in words; nil where there is none.
    func difference(from other: ComparisonPlan) -> String? {
        guard self != other else { return nil }
        let (own, others) = (facts, other.facts)
        for fact in own {
            let value = others.first { $0.name == fact.name }?.value ?? "not given"
            if value != fact.value { return "\(fact.name): \(fact.value) there, \(value) now" }
        }
        if let more = others.first(where: { fact in !own.contains { $0.name == fact.name } }) {
            return "\(more.name): not given there, \(more.value) now"
        }
        return "the order of what was chosen"
    }
}
