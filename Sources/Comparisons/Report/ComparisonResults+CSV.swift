import Reports
import Training

extension ComparisonResults {
    /// A line for each method and target, or for each method where there are no targets.
    ///
    /// Numbers are in full precision; "inf" is a median or a range that a miss makes infinite, an empty field what is
    /// not known.
    var summaryTable: String {
        var lines = [
            "method,optimizer,settings,metric,target,target_value,reached,runs,steps_median,steps_low,steps_high,"
                + "seconds_median,seconds_low,seconds_high,cpu_seconds_median,cpu_seconds_low,cpu_seconds_high,"
                + "steps_advantage,seconds_advantage,cpu_seconds_advantage,final_median,final_low,final_high,"
                + "seconds_per_step,cpu_seconds_per_step,failed"
        ]
        for method in plan.methods {
            if plan.targets.isEmpty { lines.append(summaryLine(method, target: nil)) }
            for target in plan.targets { lines.append(summaryLine(method, target: target)) }
        }
        return lines.map { "\($0)\n" }.joined()
    }

    private func summaryLine(_ method: ComparisonMethod, target: ComparisonTarget?) -> String {
        let value = target.flatMap { self.value(of: $0) }
        let arrival = value.flatMap { self.arrival(of: method, at: $0) }
        let runs = finalRuns(of: method)
        var fields = [
            method.label, method.optimizer, runs.first.map { quoted($0.run.settings.line) } ?? "",
            plan.metric.rawValue, target?.description ?? "", field(value), field(arrival?.reached), "\(runs.count)",
        ]
        let measures = [\Arrival.steps, \.seconds, \.cpuSeconds]
        for measure in measures { fields += self.fields(of: arrival?[keyPath: measure]) }
        for measure in measures { fields.append(field(value.flatMap { advantage(of: method, at: $0, measure) })) }
        let perStep = secondsPerStep(of: method)
        fields += self.fields(of: finalValue(of: method))
        fields += [field(perStep?.wall.median), field(perStep?.cpu.median)]
        fields.append("\(runs.count { $0.failedStep != nil })")
        return fields.joined(separator: ",")
    }

    /// A line for each trial.
    var tuningTable: String {
        var lines = ["method,trial,settings,seed,steps,final_\(plan.metric.rawValue),failed_at_step,chosen"]
        for method in plan.methods {
            let tuning = tuning(of: method)
            for (trial, record) in trials(of: method) {
                var isChosen = false
                if case .chosen(let choice) = tuning { isChosen = choice.trial == trial }
                let value = record.finalValue(of: plan.metric)
                let fields = [
                    method.label, "\(trial + 1)", quoted(record.run.settings.line), "\(record.run.seed)",
                    "\(record.run.steps)", value.isNaN ? "" : field(value), field(record.failedStep),
                    isChosen ? "yes" : "no",
                ]
                lines.append(fields.joined(separator: ","))
            }
        }
        return lines.map { "\($0)\n" }.joined()
    }

    private func fields(of spread: Spread?) -> [String] {
        [field(spread?.median), field(spread?.low), field(spread?.high)]
    }

    private func field(_ number: (some LosslessStringConvertible)?) -> String {
        number.map { "\($0)" } ?? ""
    }

    /// A text in quotes, those in it doubled (RFC 4180).
    private func quoted(_ text: String) -> String { "\"\(text.replacing("\"", with: "\"\""))\"" }

    /// Writes the tables and the page into a comparison's folder.
    func write(to folder: ComparisonFolder) throws(RunFolderError) {
        try folder.write(tuningTable, to: "tuning.csv")
        try folder.write(summaryTable, to: "summary.csv")
        try folder.write(page, to: "report.html")
    }
}
