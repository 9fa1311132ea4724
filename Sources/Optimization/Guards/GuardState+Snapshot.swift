import Curvature
import Foundation
import Torch

extension Snapshot {
    /// Stores what guards remember, always in the same order.
    package mutating func set(_ name: String, _ state: GuardState) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        // Numbers, texts and lists of them: always valid JSON.
        set(name, Array(try! encoder.encode(StoredGuardState(state))))
    }

    /// Stores what took the place of an inverse.
    package mutating func set(_ name: String, _ rung: InverseRung) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        set(name, Array(try! encoder.encode(rung)))
    }
}

extension SnapshotReader {
    /// Gives what guards remember.
    package func guardState(_ name: String, _ assign: @escaping (GuardState) -> Void) {
        guard let bytes = bytes(name) else { return }
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        guard let stored = try? decoder.decode(StoredGuardState.self, from: Data(bytes)), stored.isPossible else {
            return fault(name, "does not tell the state of guards")
        }
        whenFitting { assign(stored.state) }
    }

    /// The replacement of an inverse; nil, and a fault, if it is not known.
    package func rung(_ name: String) -> InverseRung? {
        guard let bytes = bytes(name) else { return nil }
        let rung = try? JSONDecoder().decode(InverseRung.self, from: Data(bytes))
        if rung == nil { fault(name, "does not tell what took the place of an inverse") }
        return rung
    }
}

/// A guard state with lists in order in the place of sets.
private struct StoredGuardState: Codable {
    var consecutiveRejections: Int
    var lasting: [GuardState.Condition]
    var scales: [String: LayerScale]
    var restarts: [String]

    init(_ state: GuardState) {
        consecutiveRejections = state.consecutiveRejections
        lasting = state.lasting.sorted { ($0.layer, $0.kind.rawValue) < ($1.layer, $1.kind.rawValue) }
        scales = state.scales
        restarts = state.restarts.sorted()
    }

    /// Whether guards can have counted so far.
    var isPossible: Bool {
        ([consecutiveRejections] + scales.values.map(\.outliers)).allSatisfy(SnapshotReader.counts.contains)
    }

    var state: GuardState {
        GuardState(
            consecutiveRejections: consecutiveRejections, lasting: Set(lasting), scales: scales,
            restarts: Set(restarts))
    }
}
