import Reports
import Training

extension Text {
    /// The opening of a comparison.
    static func opening(_ plan: ComparisonPlan, stored: Int) -> [String] {
        let subject = plan.subject
        let tuned = plan.methods.count(where: \.isTunable)
        var lines = [
            "\(subject.problem): \(subject.parameters) parameters, "
                + "\(count(subject.trainingExamples, "training example")), "
                + count(subject.testExamples, "test example")
        ]
        lines += plan.methods.map { "\($0.label): \($0)" }
        lines.append(
            "\(count(tuned * plan.tuning.trials, "trial")) of \(count(plan.tuning.steps, "step")), then "
                + "\(count(plan.methods.count * plan.seeds.count, "run")) of \(count(plan.steps, "step"))")
        if stored > 0 { lines.append("continued: \(count(stored, "run")) done before") }
        return lines
    }

    /// The result of a run.
    static func run(_ record: RunRecord, head: String, failure: String?, _ plan: ComparisonPlan) -> String {
        let metric = plan.metric
        var text = head
        if case .tuning = record.run.part, let method = plan.methods.first(where: { $0.label == record.run.method }) {
            text += " (\(method.chosenLine(record.run.settings)))"
        }
        if let failure { return "\(text): failed: \(failure)" }
        let seconds = record.points.last?.seconds ?? 0
        return "\(text): \(metric.title) \(NumberText.short(record.finalValue(of: metric))), \(seconds.fixed(1)) s"
    }

    /// The choice of tuning.
    static func choice(
        _ choice: ComparisonResults.Choice?, of method: ComparisonMethod
    ) -> String {
        guard let choice else { return "\(method.label): no trial got to its end, so it takes no further part" }
        return "\(method.label): best with \(method.chosenLine(choice.settings))"
            + (choice.atEdge.isEmpty ? "" : ", at the edge of what was tried")
    }

    /// The results of a comparison.
    static func summary(
        _ results: ComparisonResults, _ outcome: RunSummary.Outcome, _ terminal: Terminal
    ) -> [String] {
        let metric = results.plan.metric
        let runs = "\(results.records.count) of \(count(results.runCount, "run"))"
        var lines = ["\(Text.outcome(outcome, terminal)): \(runs)"]
        for method in results.plan.methods {
            guard let final = results.finalValue(of: method) else {
                if case .completed = outcome { lines.append("\(method.label): no run got to its end") }
                continue
            }
            lines.append("\(method.label): \(metric.title) \(NumberText.spread(final))")
            for target in results.plan.targets {
                guard let value = results.value(of: target),
                    let arrival = results.arrival(of: method, at: value)
                else { continue }
                var text = "  \(NumberText.short(value)) reached by \(arrival.reached) of \(arrival.runs)"
                if arrival.steps.median.isFinite {
                    text +=
                        ", in \(NumberText.spread(arrival.steps, NumberText.count)) steps, "
                        + "\(NumberText.spread(arrival.seconds)) s"
                }
                lines.append(text)
            }
        }
        return lines
    }
}
