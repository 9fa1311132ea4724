/// What the guards of an optimiser remember from one step to the next.
struct GuardState: Sendable, Hashable, Codable {
    /// The number of steps that were rejected since the last one that was taken.
    var consecutiveRejections = 0
    /// What was reported as lasting and has not ceased.
    var lasting: Set<Condition> = []
    /// The scale of each layer's statistics.
    var scales: [String: LayerScale] = [:]
    /// Layers whose running average is begun anew with the next batch.
    var restarts: Set<String> = []

    /// What lasts, of which layer.
    struct Condition: Sendable, Hashable, Codable {
        var kind: GuardEvent.Kind
        var layer: String
    }
}

/// The scale of what enters a layer's statistics.
struct LayerScale: Sendable, Hashable, Codable {
    /// The greatest mean square of a batch's inputs; nil before there was one with any.
    var input: Double?
    /// The greatest mean square of a batch's output gradients, likewise.
    var output: Double?
    /// The number of implausible batches since the last plausible one.
    var outliers = 0
}

/// The guards' memory, and what they did in the step in progress.
struct GuardWatch {
    var state = GuardState()
    private(set) var events: [GuardEvent] = []
    /// The layers whose averages have moved in this step.
    var movedLayers: Set<String> = []

    /// A step begins.
    mutating func begin() {
        events = []
        movedLayers = []
    }

    /// Notes an event, once a step.
    mutating func note(_ event: GuardEvent) {
        if !events.contains(event) { events.append(event) }
    }

    /// Notes the event where its condition begins, and forgets the condition where it does not hold.
    mutating func note(_ event: GuardEvent, while holds: Bool) {
        guard let layer = event.layer else { return note(event) }
        let condition = GuardState.Condition(kind: event.kind, layer: layer)
        guard holds else {
            state.lasting.remove(condition)
            return
        }
        if state.lasting.insert(condition).inserted { note(event) }
    }

    /// Completes the report of a step.
    ///
    /// - Throws: ``OptimizerError/stepsRejected(count:step:reason:)`` where too many steps in a row were rejected.
    mutating func finish(_ report: StepReport, _ guards: Guards) throws(OptimizerError) -> StepReport {
        let reasons = events.compactMap { if case .stepRejected(let reason) = $0 { reason } else { nil } }
        if let reason = reasons.first {
            guard state.consecutiveRejections < guards.maximumRejections else {
                throw .stepsRejected(count: state.consecutiveRejections + 1, step: report.step, reason: reason)
            }
            state.consecutiveRejections += 1
        } else if guards.isOn {
            state.consecutiveRejections = 0
        }
        var report = report
        report.guards = events
        return report
    }

    /// Completes the report of a step that was not taken.
    mutating func reject(_ rejection: StepRejection, _ guards: Guards) throws(OptimizerError) -> StepReport {
        note(.stepRejected(reason: rejection.reason))
        var report = rejection.report
        report.isRejected = true
        return try finish(report, guards)
    }
}
