import ArgumentParser
import Comparisons
import Training

extension ComparisonMethod {
    /// Checks the settings that will be tried on a problem.
    ///
    /// Each must be possible, and each option must have an effect in one of them.
    func check(on problem: BuiltInProblem, _ run: ComparisonRunOptions) throws {
        let trials = dependsOnTrial(on: problem) ? min(run.tuning.trials, Self.mostChecked) : 1
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

    /// Whether trials search an option whose effect or bounds depend on others; else one stands for all.
    private func dependsOnTrial(on problem: BuiltInProblem) -> Bool {
        var dependent = OptimizerOptions.dependent
        let isAdaptive = problem.kfac.dampingRule == .adaptive
        if isAdaptive || options.contains(where: { $0.name == "minimum-damping" }) {
            dependent.insert("damping")
        }
        return options.contains { !$0.range.isFixed && dependent.contains($0.name) }
    }

    /// More trials than anybody waits for are not looked at one by one.
    private static let mostChecked = 200
}
