import Foundation
import KFAC

/// The sentences and numbers of reports.
package enum Text {
    /// The facts of a run.
    static func opening(_ start: TrainingEvent.RunStart) -> [String] {
        let size =
            start.lastBatchSize.map { "\(start.batchSize) to \(count($0, "example"))" }
            ?? count(start.batchSize, "example")
        return [
            "\(start.problem): \(count(start.trainingExamples, "training example")), "
                + count(start.testExamples, "test example"),
            "\(start.optimizer): \(start.parameterCount) parameters, \(length(start)), \(size) a step",
            "\(start.device), \(count(start.threads, "thread")), libtorch \(start.libtorch)",
        ] + (start.resumedSteps.map { ["resumed after \(count($0, "step"))"] } ?? [])
    }

    private static func length(_ start: TrainingEvent.RunStart) -> String {
        guard let epochs = start.epochs else { return count(start.steps, "step") }
        guard let steps = start.stepsPerEpoch else {
            return "\(count(epochs, "epoch")) with \(count(start.steps, "step"))"
        }
        return "\(count(epochs, "epoch")) of \(count(steps, "step"))"
    }

    /// The result of a test between or after the steps of a run.
    static func evaluation(_ evaluation: TrainingEvent.Evaluation, of start: TrainingEvent.RunStart) -> String {
        let score = score(evaluation.score, errorName: start.errorName)
        return "step \(evaluation.steps)/\(start.steps): test \(score), \(seconds(evaluation.seconds))"
    }

    /// The result of an epoch.
    static func epoch(
        _ result: TrainingEvent.EpochResult, of start: TrainingEvent.RunStart, _ evaluation: TrainingEvent.Evaluation?
    ) -> String {
        let epochs = start.epochs.map { "/\($0)" } ?? ""
        var text = "epoch \(result.epoch)\(epochs): training loss \(result.loss.readable)"
        if let evaluation { text += ", test \(score(evaluation.score, errorName: start.errorName))" }
        return text + ", \(seconds(result.seconds))"
    }

    /// The result of a run.
    ///
    /// - Parameter errorName: What the error of a score is called.
    static func summary(_ summary: RunSummary, errorName: String?, _ terminal: Terminal) -> [String] {
        var lines = ["\(outcome(summary.outcome, terminal)): \(count(summary.epochs, "epoch")), \(work(summary))"]
        if let evaluation = summary.lastEvaluation {
            let score = terminal.styled(score(evaluation.score, errorName: errorName), .bold)
            lines.append(
                "test \(score) on \(count(evaluation.score.examples, "example")), "
                    + "after \(count(evaluation.steps, "step"))")
        } else {
            lines.append("not tested yet")
        }
        if let guards = summary.guards { lines.append("guards: \(counts(guards))") }
        lines.append(
            "time: set-up \(seconds(summary.setUpSeconds)), training \(seconds(summary.trainingSeconds)), "
                + "tests \(seconds(summary.evaluationSeconds))")
        if !summary.phases.isEmpty, summary.trainingSeconds > 0 { lines.append(whereTheTimeGoes(summary)) }
        return lines
    }

    /// How often each guard did something: "3 statistics rejected, 1 inverse repaired".
    private static func counts(_ guards: [String: Int]) -> String {
        GuardEvent.Kind.allCases.compactMap { kind in guards[kind.rawValue].map { "\($0) \(words(kind, $0))" } }
            .joined(separator: ", ")
    }

    private static func words(_ kind: GuardEvent.Kind, _ count: Int) -> String {
        let isOne = count == 1
        return switch kind {
        case .stepRejected: isOne ? "step rejected" : "steps rejected"
        case .statisticsRejected: "statistics rejected"
        case .statisticsRestarted: "statistics begun anew"
        case .inverseRepaired: isOne ? "inverse repaired" : "inverses repaired"
        case .dampingRaised: isOne ? "damping raised" : "dampings raised"
        case .deadLayer: isOne ? "layer without curvature" : "layers without curvature"
        case .gradientDescent: isOne ? "layer in gradient descent" : "layers in gradient descent"
        }
    }

    package static func outcome(_ outcome: RunSummary.Outcome, _ terminal: Terminal) -> String {
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
        let examples = Double(summary.examples) / summary.trainingSeconds
        return "\(steps) in \(seconds(summary.trainingSeconds)), \((perStep * 1000).fixed(1)) ms a step, "
            + "\(examples.fixed(0)) examples/s"
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

    private static func score(_ score: Score, errorName: String?) -> String {
        var parts: [String] = []
        if let accuracy = score.accuracy { parts.append("accuracy \((accuracy * 100).fixed(2)) %") }
        if let error = score.error { parts.append("\(errorName ?? "error") \(error.readable)") }
        return (parts + ["loss \(score.loss.readable)"]).joined(separator: ", ")
    }

    private static func seconds(_ seconds: Double) -> String { "\(seconds.fixed(1)) s" }

    package static func count(_ number: Int, _ thing: String) -> String {
        number == 1 ? "1 \(thing)" : "\(number) \(thing)s"
    }

    /// Lines as text, each with its end.
    package static func lines(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }

    /// A time to come: "0:07", "12:34", "1:02:03".
    package static func time(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "?" }
        let total = Int(seconds.rounded(.up))
        let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
    }
}

extension Double {
    /// The number with a fixed number of decimals.
    package func fixed(_ decimals: Int) -> String { String(format: "%.\(decimals)f", self) }

    /// The number with four decimals, or with four digits and an exponent where those decimals say too little or too
    /// much.
    package var readable: String {
        isFinite && self != 0 && !(0.01..<1e7).contains(abs(self)) ? String(format: "%.3e", self) : fixed(4)
    }
}
