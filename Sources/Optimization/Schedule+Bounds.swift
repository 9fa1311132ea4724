import Curvature

extension SettingBounds {
    /// Why a setting cannot follow a schedule, one of whose numbers is not allowed; nil if it can.
    package func defect(_ setting: String, _ schedule: Schedule) -> String? {
        if let defect = schedule.defect { return "\(setting): \(defect)" }
        guard let number = schedule.extremes.first(where: { !contains($0) }) else { return nil }
        if case .constant = schedule { return defect(setting, number) }
        return number.isFinite
            ? "\(setting) must be \(self) at every step; \(schedule) gives \(number)"
            : "\(setting) must be \(self) at every step; \(schedule) leaves all bounds"
    }
}

extension Schedule {
    /// Why there is no such schedule; nil if there is.
    package var defect: String? {
        switch self {
        case .constant, .exponential: return nil
        case .linear(_, _, let steps), .cosine(_, _, let steps), .inverseSquareRoot(_, let steps):
            return SettingBounds.scheduledSteps.defect("the number of steps of \(self)", steps)
        case .polynomial(_, _, let power, let steps):
            return [
                SettingBounds.positive().defect("the power of \(self)", power),
                SettingBounds.scheduledSteps.defect("the number of steps of \(self)", steps),
            ].firstDefect
        case .piecewise(_, let changes):
            let steps = changes.map(\.step)
            guard steps.allSatisfy({ $0 >= 0 }), zip(steps, steps.dropFirst()).allSatisfy({ $0 <= $1 }) else {
                return "the changes of a piecewise schedule must be in the order of their steps, from 0 on; those at "
                    + "\(steps.map { "\($0)" }.joined(separator: ", ")) were given"
            }
            return nil
        case .warmUp(let steps, let rest):
            return rest.defect ?? SettingBounds.scheduledSteps.defect("the number of steps of \(self)", steps)
        }
    }

    /// Numbers of the schedule between which, or between which and zero without zero itself, all others lie.
    ///
    /// NaN and infinity stand for themselves, and infinity for growth without end, too.
    package var extremes: [Double] {
        switch self {
        case .constant(let value): [value]
        case .linear(let from, let to, _), .cosine(let from, let to, _), .polynomial(let from, let to, _, _):
            [from, to]
        case .exponential(let from, let factor):
            // Towards zero, or away from it.
            (0...1).contains(factor) ? [from, from * factor] : [from, factor > 1 ? from * .infinity : .nan]
        case .inverseSquareRoot(let from, _): [from]
        case .piecewise(let from, let changes): [from] + changes.map(\.value)
        case .warmUp(let steps, let rest): (steps > 0 ? [rest(0) / (Double(steps) + 1)] : []) + rest.extremes
        }
    }
}
