import Reports

extension ComparisonResults {
    /// Steps and time to the targets.
    var targetSection: Markup {
        guard !plan.targets.isEmpty else { return .lines([]) }
        var content = [
            Markup.element(
                "p", [:],
                "The first test of the model at which the \(plan.metric.title) is at the target or beyond: medians over "
                    + "the seeds, with ranges. A run that misses the target counts as infinitely late (–). The factors "
                    + "say how many times more the best of the other methods needs.")
        ]
        for target in plan.targets {
            guard let value = value(of: target) else {
                content.append(.element("h3", [:], "Target \(target)"))
                content.append(.element("p", [:], "Not known before the final runs of that method are done."))
                continue
            }
            content.append(.element("h3", [:], "\(plan.metric.title.capitalizedFirst) \(targetText(target, value))"))
            content.append(arrivals(at: value).markup)
        }
        return .section("To the targets", content)
    }

    private func targetText(_ target: ComparisonTarget, _ value: Double) -> String {
        switch target {
        case .value: NumberText.short(value)
        case .final(let label): "\(NumberText.short(value)), the median of \(label)’s final values"
        }
    }

    private func arrivals(at value: Double) -> PageTable {
        var table = PageTable(columns: [
            "method", "reached", "steps", "factor", "seconds", "factor", "CPU seconds", "factor",
        ])
        for method in plan.methods {
            guard let arrival = arrival(of: method, at: value) else {
                table.rows.append([method.label, "no runs"] + Array(repeating: "", count: 6))
                continue
            }
            var cells = [method.label, "\(arrival.reached) of \(arrival.runs)"]
            for measure in [\Arrival.steps, \.seconds, \.cpuSeconds] {
                let format = measure == \.steps ? NumberText.count : NumberText.short
                cells.append(NumberText.spread(arrival[keyPath: measure], format))
                cells.append(NumberText.factor(advantage(of: method, at: value, measure)))
            }
            table.rows.append(cells)
        }
        return table
    }

    /// The ends of the final runs.
    var finalSection: Markup {
        var table = PageTable(columns: [
            "method", "final \(plan.metric.title)", "runs that failed", "ms a step", "CPU ms a step",
        ])
        for method in plan.methods {
            let runs = finalRuns(of: method)
            guard !runs.isEmpty else { continue }
            let perStep = secondsPerStep(of: method)
            func milliseconds(_ seconds: Double) -> String { NumberText.short(seconds * 1000) }
            table.rows.append([
                method.label, NumberText.spread(finalValue(of: method)),
                "\(runs.count { $0.failedStep != nil }) of \(runs.count)",
                NumberText.spread(perStep?.wall, milliseconds), NumberText.spread(perStep?.cpu, milliseconds),
            ])
        }
        return table.rows.isEmpty ? .lines([]) : .section("After \(plan.steps) steps", [table.markup])
    }

    /// The settings that tuning chose.
    var choiceSection: Markup {
        var table = PageTable(columns: ["method", "optimiser", "searched", "chosen", "\(plan.metric.title) in tuning"])
        for method in plan.methods {
            let searched = method.options.map { "\($0.name) \($0.range)" }.joined(separator: "; ")
            var cells = [method.label, method.optimizer, searched]
            switch tuning(of: method) {
            case .unfinished: cells += ["not finished", ""]
            case .allFailed: cells += ["no trial got to its end", ""]
            case .chosen(let choice):
                let edge = choice.atEdge.joined(separator: ", ")
                cells.append(choice.settings.line + (edge.isEmpty ? "" : " (at the edge of what was tried: \(edge))"))
                cells.append(choice.value.map(NumberText.short) ?? "nothing to choose")
            }
            table.rows.append(cells)
        }
        let explanation =
            "Each method had \(plan.tuning.trials) trials of \(plan.tuning.steps) steps with the seed "
            + "\(plan.tuning.seed), at the same places of its ranges: low:high is searched evenly in the logarithm, in "
            + "the middle of as many equal cells as there are trials where there is one range, at the points of "
            + "Hammersley where there are several. The best final \(plan.metric.title) decides."
        return .section("Settings", [.element("p", [:], explanation), table.markup])
    }

    /// All trials.
    var trialSection: Markup {
        var content: [Markup] = []
        for method in plan.methods {
            var table = PageTable(columns: ["trial", "settings", "final \(plan.metric.title)"])
            let tuning = tuning(of: method)
            for (trial, record) in trials(of: method) {
                if case .chosen(let choice) = tuning, choice.trial == trial {
                    table.emphasized.insert(table.rows.count)
                }
                let value = record.failedStep.map { "failed at step \($0)" }
                table.rows.append([
                    "\(trial + 1)", method.chosenLine(record.run.settings),
                    value ?? NumberText.short(record.finalValue(of: plan.metric)),
                ])
            }
            guard !table.rows.isEmpty else { continue }
            let summary = Markup.element("summary", [:], "Trials of \(method.label)")
            content.append(.element("details", [:], [summary, table.markup]))
        }
        return content.isEmpty ? .lines([]) : .section("Trials", content)
    }

    /// The plan, and the machines.
    var planSection: Markup {
        let explanation =
            "For a seed, the initial parameters and the batches are the same for all methods. Methods take turns, run by "
            + "run. Seconds are those of the steps, the making of batches included, tests of the model excluded; CPU "
            + "seconds are those of all threads of the process during the same time."
        let plan = PageTable(columns: ["plan", ""], rows: plan.facts.map { [$0.name, $0.value] })
        var content = [Markup.element("p", [:], explanation), plan.markup]
        for machine in machines {
            let rows = [
                ["processor", machine.processor], ["cores", "\(machine.cores)"], ["system", machine.system],
                ["device", machine.device], ["threads", "\(machine.threads)"], ["libtorch", machine.libtorch],
            ]
            content.append(PageTable(columns: ["machine", ""], rows: rows).markup)
        }
        if machines.count > 1 {
            let warning = "The runs were done on \(machines.count) machines: seconds cannot be compared between them."
            content.append(.element("p", ["class": "status"], warning))
        }
        return .section("How it was done", content)
    }
}
