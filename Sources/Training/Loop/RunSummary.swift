import KFAC
import Torch

/// The result of a run.
public struct RunSummary: Sendable, Hashable, Codable {
    /// How a run ended.
    public enum Outcome: Sendable, Hashable {
        /// All epochs were done.
        case completed
        /// Somebody asked for an end, by a signal where its number is given.
        case interrupted(signal: Int32?)
        /// An error ended it.
        case failed(reason: String)
    }

    /// The time that a part of the steps took in all.
    public struct PhaseTime: Sendable, Hashable, Codable {
        /// The name of the part: "data", or a phase of the optimiser.
        public var phase: String
        /// The time, in seconds.
        public var seconds: Double
    }

    /// How the run ended.
    public var outcome: Outcome
    /// The number of completed epochs.
    public var epochs = 0
    /// The number of steps done.
    public var steps = 0
    /// The number of examples that they learned from, each counted as often as it was used.
    public var examples = 0
    /// How many events of each kind the optimiser's guards told of, by ``/Optimization/GuardEvent/Kind``; nil for none
    /// at all.
    public var guards: [String: Int]?
    /// The loss of the last step.
    public var lastLoss: Double?
    /// How well the model did when last tested.
    public var lastEvaluation: TrainingEvent.Evaluation?
    /// The time before the first step, in seconds: data, model.
    public var setUpSeconds = 0.0
    /// The time that the steps took, in seconds.
    public var trainingSeconds = 0.0
    /// The time that the tests of the model took, in seconds.
    public var evaluationSeconds = 0.0
    /// The time that checkpoints took, in seconds.
    public var checkpointSeconds = 0.0
    /// Where the time of the steps went, in the order in which the parts run.
    public var phases: [PhaseTime] = []

    /// Counts what the guards did.
    mutating func count(_ events: [GuardEvent]) {
        var counts = guards ?? [:]
        for event in events { counts[event.kind.rawValue, default: 0].countOn() }
        guards = counts.isEmpty ? nil : counts
    }

    /// Adds to the time of a part of the steps.
    mutating func add(_ seconds: Double, to phase: String) {
        if let index = phases.firstIndex(where: { $0.phase == phase }) {
            phases[index].seconds += seconds
        } else {
            phases.append(PhaseTime(phase: phase, seconds: seconds))
        }
    }
}

extension RunSummary.Outcome: Codable {
    private enum CodingKeys: String, CodingKey {
        case status
        case signal
        case reason
    }

    /// Reads what ``encode(to:)`` writes.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .status) {
        case "completed": self = .completed
        case "interrupted": self = .interrupted(signal: try container.decodeIfPresent(Int32.self, forKey: .signal))
        case "failed": self = .failed(reason: try container.decode(String.self, forKey: .reason))
        case let status:
            throw DecodingError.dataCorruptedError(
                forKey: .status, in: container, debugDescription: "no outcome is called \(status)")
        }
    }

    /// Writes `status` ("completed", "interrupted" or "failed") and, beside it, the signal or the reason.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .completed: try container.encode("completed", forKey: .status)
        case .interrupted(let signal):
            try container.encode("interrupted", forKey: .status)
            try container.encodeIfPresent(signal, forKey: .signal)
        case .failed(let reason):
            try container.encode("failed", forKey: .status)
            try container.encode(reason, forKey: .reason)
        }
    }
}
