import ArgumentParser
import Training

extension ComparisonMethod {
    /// Checks the settings that will be tried on a problem.
    ///
    /// Each must be possible, and each option must have an effect in one of them.
    func check(on problem: ProblemName, _ run: ComparisonRunOptions) throws {
        let trials = isTunable ? min(run.tuning.trials, Self.mostChecked) : 1
        var reasons: [String: String] = [:]
        var effective: Set<String> = []
        for trial in 0..<trials {
            let settings = settings(ofTrial: trial, outOf: run.tuning.trials)
            let line = settings.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
            do {
                let options = try OptimizerOptions(optimizer: optimizer, settings)
                try options.check(on: problem, steps: isTunable ? min(run.tuning.steps, run.steps) : run.steps)
                let misplaced = options.misplaced(on: problem)
                for option in misplaced { reasons[option.name] = option.reason }
                effective.formUnion(Set(settings.map { "--\($0.name)" }).subtracting(misplaced.map(\.name)))
            } catch {
                throw ValidationError("--search: \(label) with \(line): \(OptimizerOptions.message(for: error))")
            }
        }
        for option in options {
            guard let reason = reasons["--\(option.name)"], !effective.contains("--\(option.name)") else { continue }
            throw ValidationError("--search \(label).\(option.name)=\(option.range): \(reason)")
        }
    }

    /// More trials than anybody waits for are not looked at one by one.
    private static let mostChecked = 200
}
