import Reports
import Torch
import Training

/// A comparison in progress.
struct ComparisonSession {
    let comparison: Comparison
    let folder: ComparisonFolder
    let cancellation: Cancellation
    let onEvent: (ComparisonEvent) -> Void

    /// The records of the runs, in the order in which they were done or found.
    private var records: [RunRecord] = []
    private var number = 0

    private var plan: ComparisonPlan { comparison.plan }
    private var results: ComparisonResults {
        get throws(ComparisonError) {
            try ComparisonResults(plan: plan, records: records, machines: folder.machines())
        }
    }

    init(
        comparison: Comparison, folder: ComparisonFolder, cancellation: Cancellation,
        onEvent: @escaping (ComparisonEvent) -> Void
    ) {
        self.comparison = comparison
        self.folder = folder
        self.cancellation = cancellation
        self.onEvent = onEvent
    }

    /// Does all runs that are not done, and tells how it ended.
    mutating func run() throws -> RunSummary.Outcome {
        try loadTrials()
        onEvent(.start(plan, stored: records))
        let outcome = try runAll() ?? .completed
        try folder.check()
        try results.write(to: folder)
        onEvent(.end(try results, outcome))
        return outcome
    }

    /// Finds the records of earlier trials, and of earlier final runs where the settings are known.
    private mutating func loadTrials() throws {
        records = try plan.tuningRuns.compactMap(folder.record)
        let results = try results
        for method in plan.methods {
            guard case .chosen(let choice) = results.tuning(of: method) else { continue }
            let runs = plan.finalRuns([method.label: choice.settings])
            let found = try runs.compactMap(folder.record)
            if !found.isEmpty { try folder.note(choice: choice.settings, of: method.label) }
            records += found
        }
    }

    private mutating func runAll() throws -> RunSummary.Outcome? {
        let tuningRuns = plan.tuningRuns
        let about = tuningRuns.count + plan.methods.count * plan.seeds.count
        for run in tuningRuns {
            if let outcome = try complete(run, count: about) { return outcome }
        }
        let results = try results
        var choices: [String: [Setting]] = [:]
        for method in plan.methods {
            guard case .chosen(let choice) = results.tuning(of: method) else {
                onEvent(.choice(method, nil))
                continue
            }
            try folder.note(choice: choice.settings, of: method.label)
            choices[method.label] = choice.settings
            if method.isTunable { onEvent(.choice(method, choice)) }
        }
        let finalRuns = plan.finalRuns(choices)
        for run in finalRuns {
            if let outcome = try complete(run, count: tuningRuns.count + finalRuns.count) { return outcome }
        }
        return nil
    }

    /// Does a run that is not done yet; returns how the comparison ends where it does.
    private mutating func complete(_ run: ComparisonRun, count: Int) throws -> RunSummary.Outcome? {
        number += 1
        if records.contains(where: { $0.run == run }) { return nil }
        if let outcome = cancellation.outcome { return outcome }
        try folder.check()
        onEvent(.runStart(run, number: number, count: count))
        try folder.note(.current(device: comparison.device))
        let file = try folder.file(for: run)
        do {
            let result = try comparison.train(run, cancellation: cancellation, onEvent: onEvent) { point in
                try file.append(point)
            }
            guard let (record, failure) = result else {
                file.discard()
                return cancellation.outcome ?? .interrupted(signal: nil)
            }
            try folder.check()
            try file.finish()
            records.append(record)
            onEvent(.runEnd(record, failure: failure))
        } catch {
            file.discard()
            throw error
        }
        try results.write(to: folder)
        return nil
    }
}
