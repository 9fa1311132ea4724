public import Reports

/// The results of a comparison, or of as much of it as was done.
public struct ComparisonResults: Sendable {
    /// The setting of a method that is used for its final runs.
    public struct Choice: Sendable, Hashable {
        /// The settings of the options.
        public var settings: [Setting]
        /// The number of the best trial, from 0, and the final value of its metric; nil where there was nothing to
        /// choose.
        public var trial: Int?
        public var value: Double?
        /// The options whose chosen value is the least or the greatest that was tried: better ones may lie beyond.
        public var atEdge: [String]
    }

    /// The result of tuning a method.
    public enum Tuning: Sendable, Hashable {
        /// Trials are still to be done.
        case unfinished
        /// No trial got to its end.
        case allFailed
        /// The best setting.
        case chosen(Choice)
    }

    /// The plan.
    public let plan: ComparisonPlan
    /// The operation.
    public let records: [RunRecord]
    /// The machines that did it.
    public let machines: [MachineDescription]

    /// Puts results together.
    public init(plan: ComparisonPlan, records: [RunRecord], machines: [MachineDescription] = []) {
        self.plan = plan
        self.records = records
        self.machines = machines
    }

    /// The trials of a method, in order.
    public func trials(of method: ComparisonMethod) -> [(trial: Int, record: RunRecord)] {
        records.compactMap { record in
            guard record.run.method == method.label, case .tuning(let trial) = record.run.part else { return nil }
            return (trial, record)
        }.sorted { $0.trial < $1.trial }
    }

    /// The final runs of a method, in the order of the seeds.
    public func finalRuns(of method: ComparisonMethod) -> [RunRecord] {
        plan.seeds.compactMap { seed in
            records.first { $0.run.method == method.label && $0.run.part == .final && $0.run.seed == seed }
        }
    }

    /// The result of tuning a method: the trial whose metric ends best; of equal ones, the first.
    public func tuning(of method: ComparisonMethod) -> Tuning {
        guard method.isTunable else {
            return .chosen(
                Choice(settings: method.settings(ofTrial: 0, outOf: 1), trial: nil, value: nil, atEdge: []))
        }
        let trials = trials(of: method)
        guard trials.count == plan.tuning.trials else { return .unfinished }
        var best: (trial: Int, value: Double, record: RunRecord)?
        for (trial, record) in trials {
            let value = record.finalValue(of: plan.metric)
            guard value.isFinite, best.map({ plan.metric.isBetter(value, than: $0.value) }) ?? true else { continue }
            best = (trial, value, record)
        }
        guard let best else { return .allFailed }
        return .chosen(
            Choice(
                settings: best.record.run.settings, trial: best.trial, value: best.value,
                atEdge: edges(of: best.record.run.settings, trials.map(\.record.run.settings), method)))
    }

    /// The options of a range of numbers at whose end a setting is.
    private func edges(of settings: [Setting], _ tried: [[Setting]], _ method: ComparisonMethod) -> [String] {
        method.options.compactMap { option in
            guard case .logUniform = option.range, !option.range.isFixed else { return nil }
            let numbers = tried.flatMap { $0 }.filter { $0.name == option.name }.compactMap { Double($0.value) }
            let number = settings.first { $0.name == option.name }.flatMap { Double($0.value) }
            return number == numbers.min() || number == numbers.max() ? option.name : nil
        }
    }

    /// The number of runs that are to be done, as far as is known.
    public var runCount: Int {
        let takingPart = plan.methods.count { tuning(of: $0) != .allFailed }
        return plan.tuningRuns.count + takingPart * plan.seeds.count
    }

    /// Whether all was done.
    public var isComplete: Bool { records.count == runCount }
}
