import Curvature
import Torch

/// The guards' memory from one step to the next.
package struct GuardState: Sendable, Hashable, Codable {
    /// The number of steps that were rejected since the last one that was taken.
    package var consecutiveRejections = 0
    /// The conditions that were reported and have not ceased.
    package var lasting: Set<Condition> = []
    /// The scale of each layer's statistics.
    package var scales: [String: LayerScale] = [:]
    /// Layers whose running average is begun anew with the next batch.
    package var restarts: Set<String> = []

    package init(
        consecutiveRejections: Int = 0, lasting: Set<Condition> = [], scales: [String: LayerScale] = [:],
        restarts: Set<String> = []
    ) {
        self.consecutiveRejections = consecutiveRejections
        self.lasting = lasting
        self.scales = scales
        self.restarts = restarts
    }

    /// A lasting condition of a layer.
    package struct Condition: Sendable, Hashable, Codable {
        package var kind: GuardEvent.Kind
        package var layer: String
    }
}

/// The scale of what enters a layer's statistics.
package struct LayerScale: Sendable, Hashable, Codable {
    /// The greatest mean square of a batch's inputs; nil before there was one with any.
    package var input: Double?
    /// The greatest mean square of a batch's output gradients, likewise.
    package var output: Double?
    /// The number of implausible batches since the last plausible one.
    package var outliers = 0

    package init(input: Double? = nil, output: Double? = nil) {
        self.input = input
        self.output = output
    }
}

/// The guards' memory, and what they did in the step in progress.
package struct GuardWatch {
    /// What is guarded in this step.
    package private(set) var guards = Guards.off
    package var state = GuardState()
    package private(set) var events: [GuardEvent] = []
    /// The layers whose averages have moved in this step.
    package var movedLayers: Set<String> = []

    package init() {}

    /// A step begins.
    package mutating func begin(_ guards: Guards) {
        self.guards = guards
        events = []
        movedLayers = []
    }

    /// Notes an event, once a step.
    package mutating func note(_ event: GuardEvent) {
        if !events.contains(event) { events.append(event) }
    }

    /// Notes the event where its condition begins, and forgets the condition where it does not hold.
    package mutating func note(_ event: GuardEvent, while holds: Bool) {
        guard let layer = event.layer else { return note(event) }
        let condition = GuardState.Condition(kind: event.kind, layer: layer)
        guard holds else {
            state.lasting.remove(condition)
            return
        }
        if state.lasting.insert(condition).inserted { note(event) }
    }

    /// Completes the report of a step that was taken or that its own rule undid.
    ///
    /// - Throws: ``OptimizerError/stepsRejected(count:step:reason:)`` if too many steps in a row were rejected.
    package mutating func finish(_ report: StepReport) throws(OptimizerError) -> StepReport {
        let reasons = events.compactMap { if case .stepRejected(let reason) = $0 { reason } else { nil } }
        if let reason = reasons.first {
            guard state.consecutiveRejections < guards.maximumRejections else {
                throw .stepsRejected(count: state.consecutiveRejections + 1, step: report.step, reason: reason)
            }
            state.consecutiveRejections.countOn()
        } else if guards.isOn {
            state.consecutiveRejections = 0
        }
        var report = report
        report.guards = events
        return report
    }

    /// Completes the report of a step that was not taken.
    package mutating func reject(_ rejection: StepRejection) throws(OptimizerError) -> StepReport {
        note(.stepRejected(reason: rejection.reason))
        var report = rejection.report
        report.isRejected = true
        return try finish(report)
    }
}
