import Foundation

/// The sentences and numbers of reports.
enum Text {
    /// What a run is about.
    static func opening(_ start: TrainingEvent.RunStart) -> [String] {
        [
            "\(start.problem): \(start.trainingExamples) images to learn from, \(start.testExamples) to be tested on",
            "\(start.optimizer): \(start.parameterCount) parameters, \(count(start.epochs, "epoch")) of "
                + "\(count(start.stepsPerEpoch, "step")), \(start.batchSize) images a step",
            "\(start.device), \(count(start.threads, "thread")), libtorch \(start.libtorch)",
        ]
    }

    /// What came of an epoch.
    static func epoch(
        _ result: TrainingEvent.EpochResult, of epochs: Int, _ evaluation: TrainingEvent.Evaluation?
    ) -> String {
        var text = "epoch \(result.epoch)/\(epochs): training loss \(result.loss.fixed(4))"
        if let evaluation { text += ", test \(score(evaluation.score))" }
        return text + ", \(seconds(result.seconds))"
    }

    /// What came of a run.
    static func summary(_ summary: RunSummary, _ terminal: Terminal) -> [String] {
        var lines = ["\(outcome(summary.outcome, terminal)): \(count(summary.epochs, "epoch")), \(work(summary))"]
        if let evaluation = summary.lastEvaluation {
            let score = terminal.styled(score(evaluation.score), .bold)
            lines.append("test \(score) on \(evaluation.score.examples) images, after epoch \(evaluation.epoch)")
        } else {
            lines.append("not tested yet")
        }
        lines.append(
            "time: set-up \(seconds(summary.setUpSeconds)), training \(seconds(summary.trainingSeconds)), "
                + "tests \(seconds(summary.evaluationSeconds))")
        if !summary.phases.isEmpty, summary.trainingSeconds > 0 { lines.append(whereTheTimeGoes(summary)) }
        return lines
    }

    private static func outcome(_ outcome: RunSummary.Outcome, _ terminal: Terminal) -> String {
        switch outcome {
        case .completed: terminal.styled("completed", .green)
        case .interrupted: terminal.styled("interrupted", .yellow)
        case .failed: terminal.styled("failed", .yellow)
        }
    }

    private static func work(_ summary: RunSummary) -> String {
        let steps = count(summary.steps, "step")
        guard summary.steps > 0, summary.trainingSeconds > 0 else { return steps }
        let perStep = summary.trainingSeconds / Double(summary.steps)
        let images = Double(summary.examples) / summary.trainingSeconds
        return "\(steps) in \(seconds(summary.trainingSeconds)), \((perStep * 1000).fixed(1)) ms a step, "
            + "\(images.fixed(0)) images/s"
    }

    private static func whereTheTimeGoes(_ summary: RunSummary) -> String {
        let known = summary.phases.reduce(0) { $0 + $1.seconds }
        var parts = summary.phases.map { (words($0.phase), $0.seconds) }
        parts.append(("other", max(0, summary.trainingSeconds - known)))
        return "where the time goes: "
            + parts.map { "\($0.0) \(($0.1 / summary.trainingSeconds * 100).fixed(1)) %" }.joined(separator: ", ")
    }

    /// A name in camel case as words: "curvatureBackward" becomes "curvature backward".
    private static func words(_ name: String) -> String {
        name.map { $0.isUppercase ? " \($0.lowercased())" : String($0) }.joined()
    }

    private static func score(_ score: Score) -> String {
        let loss = "loss \(score.loss.fixed(4))"
        guard let accuracy = score.accuracy else { return loss }
        return "accuracy \((accuracy * 100).fixed(2)) %, \(loss)"
    }

    private static func seconds(_ seconds: Double) -> String { "\(seconds.fixed(1)) s" }

    private static func count(_ number: Int, _ thing: String) -> String {
        number == 1 ? "1 \(thing)" : "\(number) \(thing)s"
    }

    /// Lines as text, each with its end.
    static func lines(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }

    /// A time to come: "0:07", "12:34", "1:02:03".
    static func time(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "?" }
        let total = Int(seconds.rounded(.up))
        let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
    }
}

extension Double {
    /// The number with a fixed number of decimals.
    func fixed(_ decimals: Int) -> String { String(format: "%.\(decimals)f", self) }
}
