/// Makes several runs of one computation draw the same random numbers, so that dropout, for example, keeps its masks.
///
/// ```swift
/// let replay = RandomReplay()
/// let before = replay.run { loss(batch) }
/// move(parameters)
/// let after = replay.run { loss(batch) }  // with the masks of the first run
/// ```
///
/// The first run draws as usual. In every further run, the nth draw starts where the nth draw of the first run started,
/// whichever ``RandomGenerator`` is asked, and the generators stay as the first run left them: what comes later does
/// not depend on the number of runs. Tensors of other shapes (for a fraction of a batch, say) are drawn from the same
/// states, but need not hold the same numbers.
///
/// Draws beyond those of the first run move the generators on. Draws on other threads than that of the run are left
/// alone. Costs a copy of a generator's state (a few kilobytes) for each draw.
public final class RandomReplay {
    /// The initial state of each draw of a first run, by the run's number.
    private var draws: [Int: [RandomGenerator]] = [:]

    /// Creates a replay of nothing so far.
    public init() {}

    /// Runs `body`, with the random numbers of the first run under the same number.
    ///
    /// A first run that throws is forgotten. Inside of another replay's run, this one is what counts.
    public func run<Result, Failure: Error>(
        _ number: Int = 0, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let run = Run(repeating: draws[number])
        let result = try Run.$current.binding(run, body)
        draws[number] = run.draws
        return result
    }

    /// The source of a draw in place of a generator; nil for the generator itself.
    static func source(for generator: RandomGenerator) -> RandomGenerator? {
        guard let run = Run.current, run.thread.isCurrent else { return nil }
        return run.source(for: generator)
    }
}

/// A run of a computation, confined to the thread that began it, although a task-local value must be sendable.
private final class Run: @unchecked Sendable {
    @TaskLocal static var current: Run?

    let thread = OwnThread()
    private(set) var draws: [RandomGenerator]
    /// The number of the next draw to repeat; nil in a first run.
    private var next: Int?

    init(repeating draws: [RandomGenerator]?) {
        self.draws = draws ?? []
        next = draws == nil ? nil : 0
    }

    func source(for generator: RandomGenerator) -> RandomGenerator? {
        guard let number = next else {
            draws.append(generator)
            return nil
        }
        guard number < draws.count, draws[number].device == generator.device else { return nil }
        next = number + 1
        return draws[number]
    }
}
