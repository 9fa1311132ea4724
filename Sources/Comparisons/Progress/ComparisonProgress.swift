public import Training

/// Tells people how a comparison goes: a line for each run that is over and, on a terminal, a bar for the one in
/// progress.
public final class ComparisonProgress {
    private let terminal: Terminal
    private let isQuiet: Bool
    private let folder: String
    private let continuation: String
    private let clock = ContinuousClock()
    private var line: RedrawnLine
    private var plan: ComparisonPlan?
    private var estimate: ComparisonEstimate?
    private var current: Current?
    private var told: Set<String> = []

    /// A run in progress.
    private struct Current {
        var run: ComparisonRun
        var number: Int
        var count: Int
        var start: ContinuousClock.Instant
        var steps = 0
        var stepSeconds = 0.0
        var loss = SmoothedLoss()
    }

    /// Creates a report.
    ///
    /// - Parameters:
    ///   - isQuiet: Whether only the results are told.
    ///   - folder: The path of the comparison's folder.
    ///   - continuation: What one does to continue an interrupted comparison: a command.
    public init(to terminal: Terminal, isQuiet: Bool = false, folder: String, continuation: String) {
        self.terminal = terminal
        self.isQuiet = isQuiet
        self.folder = folder
        self.continuation = continuation
        line = RedrawnLine(terminal)
    }

    /// Tells a line that is about no event.
    public func note(_ line: String) { tell([line]) }

    /// Tells what is to be told of an event.
    public func receive(_ event: ComparisonEvent) {
        switch event {
        case .start(let plan, let stored):
            self.plan = plan
            estimate = ComparisonEstimate(plan, stored: stored)
            tell(Text.opening(plan, stored: stored.count))
        case .runStart(let run, let number, let count):
            current = Current(run: run, number: number, count: count, start: clock.now)
        case .step(let step): show(step)
        case .point: break
        case .runEnd(let record, let failure): finish(record, failure)
        case .choice(let method, let choice):
            if choice == nil, let plan { estimate?.drop(plan.seeds.count * plan.steps, of: method.label) }
            tell([Text.choice(choice, of: method)])
        case .end(let results, let outcome):
            line.erase()
            var lines = Text.summary(results, outcome, terminal)
            lines.append("report: \(folder)/report.html")
            if case .interrupted = outcome { lines.append("to continue: \(continuation)") }
            terminal.write(Text.lines(lines))
        }
    }

    private func show(_ step: TrainingEvent.StepResult) {
        guard !isQuiet, var current else { return }
        current.steps += 1
        current.stepSeconds += step.seconds
        current.loss.note(step.loss)
        self.current = current
        let news = (step.messages ?? []).filter { told.insert($0).inserted }
        if !news.isEmpty { tell(news) }
        line.draw(isLast: current.steps == current.run.steps) { width in
            let secondsLeft = estimate?.secondsLeft((current.run.method, current.steps, elapsed(current)))
            return ProgressLine(
                title: "\(current.number)/\(current.count) \(current.run.title)", epoch: nil, step: current.steps,
                steps: current.run.steps, stepsPerSecond: Double(current.steps) / current.stepSeconds,
                loss: current.loss.mean, secondsLeft: secondsLeft ?? .nan
            ).bar(width: width, terminal)
        }
    }

    private func elapsed(_ current: Current) -> Double { current.start.duration(to: clock.now) / .seconds(1) }

    private func finish(_ record: RunRecord, _ failure: String?) {
        guard let current, let plan else { return }
        estimate?.finish(record.run)
        estimate?.note(elapsed(current), steps: record.points.last?.step ?? 0, of: record.run.method)
        let head = "\(current.number)/\(current.count) \(record.run.title)"
        tell([Text.run(record, head: head, failure: failure, plan)])
        self.current = nil
    }

    /// Tells lines for good.
    private func tell(_ lines: [String]) {
        guard !isQuiet else { return }
        line.erase()
        terminal.write(Text.lines(lines))
    }
}

/// How long a comparison will still take, from what the steps of each method took so far.
struct ComparisonEstimate {
    private var stepsLeft: [String: Int] = [:]
    private var measured: [String: (seconds: Double, steps: Int)] = [:]

    /// Takes in what is to be done, and what is done already.
    init(_ plan: ComparisonPlan, stored: [RunRecord]) {
        for method in plan.methods {
            let trials = method.isTunable ? plan.tuning.trials : 0
            stepsLeft[method.label] = trials * plan.tuning.steps + plan.seeds.count * plan.steps
        }
        for record in stored {
            finish(record.run)
            note(record.points.last?.seconds ?? 0, steps: record.points.last?.step ?? 0, of: record.run.method)
        }
    }

    /// Takes in that steps of a method took a time, the tests of the model between them included.
    mutating func note(_ seconds: Double, steps: Int, of method: String) {
        let before = measured[method] ?? (0, 0)
        measured[method] = (before.seconds + seconds, before.steps + steps)
    }

    /// Takes in that a run is over.
    mutating func finish(_ run: ComparisonRun) { drop(run.steps, of: run.method) }

    /// Takes in that there will be fewer steps than planned.
    mutating func drop(_ steps: Int, of method: String) { stepsLeft[method, default: 0] -= steps }

    /// The time that is left, in seconds; NaN where nothing is known yet.
    ///
    /// - Parameter current: The run in progress, the steps it has done, and the time that they took.
    func secondsLeft(_ current: (method: String, steps: Int, seconds: Double)?) -> Double {
        var estimate = self
        if let current {
            estimate.note(current.seconds, steps: current.steps, of: current.method)
            estimate.drop(current.steps, of: current.method)
        }
        let known = estimate.measured.values.filter { $0.steps > 0 }
        let mean = known.reduce(0) { $0 + $1.seconds / Double($1.steps) } / Double(known.count)
        return estimate.stepsLeft.reduce(0) { sum, entry in
            let own = estimate.measured[entry.key].flatMap { $0.steps > 0 ? $0.seconds / Double($0.steps) : nil }
            return sum + Double(max(0, entry.value)) * (own ?? mean)
        }
    }
}
