import KFAC

/// Tells people how a run goes: a bar that is redrawn in place on a terminal, otherwise a line each tenth of an epoch
/// or of a run of steps.
public final class ProgressReport: EventSink {
    private let terminal: Terminal
    private let isQuiet: Bool
    private let footer: [String]
    private var bar: RedrawnLine
    private var start: TrainingEvent.RunStart?
    private var estimate = TimeEstimate()
    private var epoch = TrainingEvent.EpochStart(epoch: 0, steps: 0)
    private var stepsInEpoch = 0
    private var steps = 0
    private var loss = SmoothedLoss()
    private var evaluation: TrainingEvent.Evaluation?
    /// The interventions that were reported.
    private var toldGuards: Set<[String]> = []

    /// Creates a report.
    ///
    /// - Parameters:
    ///   - isQuiet: Whether only the summary is told.
    ///   - footer: Lines to end with.
    public init(to terminal: Terminal, isQuiet: Bool = false, footer: [String] = []) {
        self.terminal = terminal
        self.isQuiet = isQuiet
        self.footer = footer
        bar = RedrawnLine(terminal)
    }

    /// Tells a line that is about no event.
    public func note(_ line: String) { tell([line]) }

    /// Tells what is to be told of an event.
    public func receive(_ event: TrainingEvent) {
        switch event {
        case .runStart(let start):
            self.start = start
            steps = start.resumedSteps ?? 0
            tell(Text.opening(start))
        case .epochStart(let epoch):
            self.epoch = epoch
            stepsInEpoch = epoch.resumedSteps ?? 0
        case .step(let step):
            if let messages = step.messages { tell(messages) }
            if let guards = step.guards { tell(guards, step) }
            show(step)
        case .evaluation(let evaluation):
            self.evaluation = evaluation
            estimate.note(evaluation)
            // A test at the end of an epoch is reported with it.
            if let start, start.epochs == nil || stepsInEpoch < epoch.steps {
                tell([Text.evaluation(evaluation, of: start)])
            }
        case .epochEnd(let result):
            guard let start, start.epochs != nil else { break }
            tell([Text.epoch(result, of: start, evaluation?.steps == result.steps ? evaluation : nil)])
        case .checkpoint: break
        case .runEnd(let summary):
            bar.erase()
            terminal.write(Text.lines(Text.summary(summary, errorName: start?.errorName, terminal) + footer))
        }
    }

    /// Tells the first event of each kind of each layer; the summary counts them all.
    private func tell(_ events: [GuardEvent], _ step: TrainingEvent.StepResult) {
        let new = events.filter { toldGuards.insert([$0.kind.rawValue, $0.layer ?? ""]).inserted }
        if !new.isEmpty { tell(new.map { "step \(step.step): \($0)" }) }
    }

    private func show(_ step: TrainingEvent.StepResult) {
        guard !isQuiet, let start else { return }
        steps += 1
        stepsInEpoch += 1
        loss.note(step.loss)
        estimate.note(step)
        let (done, total) = start.epochs == nil ? (steps, start.steps) : (stepsInEpoch, epoch.steps)
        let line = ProgressLine(
            epoch: start.epochs.map { (epoch.epoch, $0) }, step: done, steps: total, stepsPerSecond: estimate.rate,
            loss: loss.mean, secondsLeft: estimate.secondsLeft(start))
        if terminal.width() == nil, done * 10 / total > (done - 1) * 10 / total { terminal.write(line.plain + "\n") }
        bar.draw(isLast: done == total) { line.bar(width: $0, terminal) }
    }

    /// Tells lines for good.
    private func tell(_ lines: [String]) {
        guard !isQuiet else { return }
        bar.erase()
        terminal.write(Text.lines(lines))
    }
}

/// The loss, averaged over the last steps.
package struct SmoothedLoss {
    private var sum = 0.0
    private var weight = 0.0

    package init() {}

    /// The average over all so far, in which a loss counts 0.9 times as much as the next one.
    package var mean: Double { sum / weight }

    /// Takes in one more loss.
    package mutating func note(_ loss: Double) {
        // That of a rejected step would stay for good.
        guard loss.isFinite else { return }
        sum = 0.9 * sum + loss
        weight = 0.9 * weight + 1
    }
}

/// How long a run will still take, from what its steps and tests took so far.
struct TimeEstimate {
    private var steps = 0
    private var stepSeconds = 0.0
    private var evaluations = 0
    private var evaluationSeconds = 0.0

    /// The steps done in a second.
    var rate: Double { stepSeconds > 0 ? Double(steps) / stepSeconds : 0 }

    /// Takes in a step.
    mutating func note(_ step: TrainingEvent.StepResult) {
        steps += 1
        stepSeconds += step.seconds
    }

    /// Takes in a test.
    mutating func note(_ evaluation: TrainingEvent.Evaluation) {
        evaluations += 1
        evaluationSeconds += evaluation.seconds
    }

    /// The time that the run still takes, the tests included, in seconds.
    func secondsLeft(_ start: TrainingEvent.RunStart) -> Double {
        let perStep = steps > 0 ? stepSeconds / Double(steps) : 0
        let perEvaluation = evaluations > 0 ? evaluationSeconds / Double(evaluations) : 0
        let stepsLeft = start.steps - (start.resumedSteps ?? 0) - steps
        // How many tests came before a checkpoint was not counted here: they are spread evenly.
        let testsLeft =
            start.resumedSteps == nil
            ? start.evaluations - evaluations : start.evaluations * stepsLeft / max(1, start.steps)
        return Double(stepsLeft) * perStep + Double(testsLeft) * perEvaluation
    }
}
