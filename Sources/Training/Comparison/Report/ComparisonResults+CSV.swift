extension ComparisonResults {
    /// A line for each method and target, or for each method where there are no targets.
    ///
    /// Numbers are in full precision; "inf" is a median or a range that a miss makes infinite, an empty field what is not
    /// known.
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
        let value = target.flatMap(value)
        let arrival = value.flatMap { arrival(of: method, at: $0) }
        let runs = finalRuns(of: method)
        var fields = [
            method.label, method.optimizer, runs.first.map { csvField($0.run.settings.line) } ?? "",
            plan.metric.rawValue, target?.description ?? "", csvField(value), csvField(arrival?.reached),
            "\(runs.count)",
        ]
        fields += csvFields(arrival?.steps) + csvFields(arrival?.seconds) + csvFields(arrival?.cpuSeconds)
        for number: (Arrival) -> Spread in [\.steps, \.seconds, \.cpuSeconds] {
            fields.append(csvField(value.flatMap { advantage(of: method, at: $0, number) }))
        }
        let perStep = secondsPerStep(of: method)
        fields += csvFields(finalValue(of: method))
        fields += [csvField(perStep?.wall.median), csvField(perStep?.cpu.median)]
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
                    method.label, "\(trial + 1)", csvField(record.run.settings.line), "\(record.run.seed)",
                    "\(record.run.steps)", value.isNaN ? "" : csvField(value), csvField(record.failedStep),
                    isChosen ? "yes" : "no",
                ]
                lines.append(fields.joined(separator: ","))
            }
        }
        return lines.map { "\($0)\n" }.joined()
    }

    private func csvFields(_ spread: Spread?) -> [String] {
        [csvField(spread?.median), csvField(spread?.low), csvField(spread?.high)]
    }

    private func csvField(_ number: (some LosslessStringConvertible)?) -> String {
        number.map { "\($0)" } ?? ""
    }

    /// A text in quotes, those in it doubled (RFC 4180).
    private func csvField(_ text: String) -> String { "\"\(text.replacing("\"", with: "\"\""))\"" }
}
