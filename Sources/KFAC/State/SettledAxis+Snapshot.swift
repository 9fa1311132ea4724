import Torch

extension Snapshot {
    /// Stores what is settled of layers' axes of examples, by the layers' names: one a line, "none" where there is none.
    mutating func set(_ name: String, axes: [String: SettledAxis]) {
        let lines = axes.sorted { $0.key < $1.key }.map { layer, axis in
            if case .axis(let number) = axis { "\(number) \(layer)" } else { "none \(layer)" }
        }
        set(name, lines.joined(separator: "\n"))
    }
}

extension SnapshotReader {
    /// Reads what ``Snapshot/set(_:axes:)`` stored.
    func axes(_ name: String) -> [String: SettledAxis] {
        var axes: [String: SettledAxis] = [:]
        for line in (text(name) ?? "").split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
            if parts.count == 2, parts[0] == "none" {
                axes[parts[1]] = .notFound
            } else if parts.count == 2, let number = Int(parts[0]), number >= 0 {
                axes[parts[1]] = .axis(number)
            } else {
                fault("'\(name)' has a line that tells no axis")
            }
        }
        return axes
    }
}
