import Optimization

/// When the inverses of the layers' curvature are computed again.
///
/// Between two updates a layer's inverse is stale; ``/Optimization/StepReport/inverses`` tells by how many steps.
public enum InverseSchedule: Sendable, Hashable, Codable {
    /// All at once, every few steps, and at each of the first ones, as the averages still move much then (Martens &
    /// Grosse 2015, section 8).
    case together(every: Int, initially: Int = 3)
    /// All at once: at the first, third, sixth, twelfth step and so on, twice as many each time until they are as many
    /// as `every`, and every so many steps from then on.
    ///
    /// For updates that are too dear for each of the first steps, as eigenbases are. Those of the first period are
    /// steps of the statistics, too, whatever ``KFACOptimizer/Configuration/statisticsPeriod`` is.
    case growing(every: Int)
    /// Some layers at each step, in turn, so that all steps cost alike and each layer is updated about every so many
    /// steps; all of them at the first steps.
    case roundRobin(every: Int, initially: Int = 3)
    /// All at once every few steps, on another thread while training goes on; a step that many steps later takes them
    /// into use, and waits for them if it must, so that results do not depend on how fast the thread is. At each of the
    /// first steps without a delay.
    ///
    /// - Parameter after: The number of steps between the start of an update and its use, from 1 to `every`.
    case background(every: Int, after: Int = 1, initially: Int = 3)
    /// A layer's when a probe finds it stale, and after so many steps in any case; all of them at the first steps.
    ///
    /// The probe is ‖(C P − 1) v‖ / ‖v‖ for the layer's damped curvature C, its inverse P in use and one random v: the
    /// relative error of what the inverse does. It costs a copy of the layer's factors and two products of them with
    /// vectors, at every step. ``/Optimization/StepReport/inverses`` reports it.
    ///
    /// - Parameters:
    ///   - beyond: The greatest error that is put up with, such as 0.25.
    ///   - atMost: The greatest age, in steps.
    case whenStale(beyond: Double, atMost: Int, initially: Int = 3)

    /// Whether a step's statistics are taken in any case, as otherwise its inverses would be those of the last update.
    func needsStatistics(atStep step: Int) -> Bool {
        if case .growing(let period) = self { Self.growingSteps(until: period).contains(step) } else { false }
    }

    /// The numbers of the blocks to update at a step, of `count` blocks, besides those that a probe finds stale.
    func due(atStep step: Int, count: Int) -> [Int] {
        switch self {
        case .together(let period, let initially), .background(let period, _, let initially):
            return step < initially || step % period == 0 ? Array(0..<count) : []
        case .growing(let period):
            let isDue = step % period == 0 || Self.growingSteps(until: period).contains(step)
            return isDue ? Array(0..<count) : []
        case .roundRobin(let period, let initially):
            if step < max(1, initially) || count == 0 { return Array(0..<count) }
            return RoundRobin(count: count, perStep: (count + period - 1) / period).updates(atStep: step)
        case .whenStale(_, _, let initially):
            return step < max(1, initially) ? Array(0..<count) : []
        }
    }

    /// The numbers of the blocks to update at one or more of some steps.
    ///
    /// Takes no longer for many steps.
    func due(atSteps steps: ClosedRange<Int>, count: Int) -> Set<Int> {
        let first = Set(due(atStep: steps.lowerBound, count: count))
        switch self {
        case .together(let period, _), .background(let period, _, _), .growing(let period):
            var isDue = steps.upperBound / period > (steps.lowerBound + period - 1) / period - 1
            if case .growing = self {
                isDue = isDue || Self.growingSteps(until: period).contains(where: steps.contains)
            }
            return isDue ? Set(0..<count) : first
        case .roundRobin:
            // In so many steps each has its turn.
            return first.union(steps.suffix(count).flatMap { due(atStep: $0, count: count) })
        case .whenStale: return first
        }
    }

    /// The steps, from 0, of ``growing(every:)`` before the first whole period.
    private static func growingSteps(until period: Int) -> [Int] {
        [0] + sequence(first: 3) { 2 * $0 }.prefix { $0 <= period }.map { $0 - 1 }
    }

    /// How many steps use the inverses of a step, as far as can be told before.
    func applications(atStep step: Int) -> Int {
        switch self {
        case .together(let period, let initially), .background(let period, _, let initially):
            // At the first steps each has inverses of its own.
            step + 1 < initially ? 1 : period - step % period
        case .growing(let period):
            (Self.growingSteps(until: period).first { $0 > step } ?? (step / period + 1) * period) - step
        case .roundRobin(let period, let initially): step + 1 < initially ? 1 : period
        case .whenStale(_, let age, let initially): step + 1 < initially ? 1 : age
        }
    }
}

extension InverseSchedule: CheckedSettings {
    package var defect: String? {
        func counts(_ period: Int, _ initially: Int, _ name: String = "the period of the inverses") -> String? {
            SettingBounds.period.defect(name, period)
                ?? SettingBounds.firstSteps.defect("the number of first steps with new inverses", initially)
        }
        switch self {
        case .together(let period, let initially), .roundRobin(let period, let initially):
            return counts(period, initially)
        case .growing(let period): return counts(period, 0)
        case .background(let period, let delay, let initially):
            return counts(period, initially)
                ?? SettingBounds.whole(1...period).defect("the delay of inverses in the background", delay)
        case .whenStale(let error, let age, let initially):
            return counts(age, initially, "the greatest age of an inverse")
                ?? SettingBounds.staleness.defect("the greatest error of an inverse", error)
        }
    }
}
