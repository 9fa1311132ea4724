extension ComparisonPlan {
    /// The runs that look for the best settings: trial by trial, all methods in turn.
    ///
    /// A method without anything to choose has none.
    var tuningRuns: [ComparisonRun] {
        (0..<tuning.trials).flatMap { trial in
            methods.filter(\.isTunable).map { method in
                ComparisonRun(
                    method: method.label, part: .tuning(trial: trial),
                    settings: method.settings(ofTrial: trial, outOf: tuning.trials), seed: tuning.seed,
                    steps: tuning.steps)
            }
        }
    }

    /// The runs of the chosen settings: seed by seed, all methods in turn, so that whatever slows the machine down for
    /// a while slows all of them.
    ///
    /// - Parameter choices: The settings by the methods' labels; a method without takes no part.
    func finalRuns(_ choices: [String: [Setting]]) -> [ComparisonRun] {
        seeds.flatMap { seed in
            methods.compactMap { method in
                choices[method.label].map {
                    ComparisonRun(method: method.label, part: .final, settings: $0, seed: seed, steps: steps)
                }
            }
        }
    }
}
