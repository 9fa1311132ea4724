import Foundation

/// The settings of a run, as texts by paths, so that two runs can be compared.
public enum CheckpointSettings {
    /// Takes a value of settings apart: "optimizer.rule.fixed.momentum" and the like.
    public static func flattened(_ settings: some Encodable) throws -> [String: String] {
        let json = try JSONSerialization.jsonObject(with: JSONEncoder.forFiles().encode(settings))
        var flat: [String: String] = [:]
        func visit(_ value: Any, _ path: String) {
            switch value {
            case let object as [String: Any]:
                for (key, value) in object { visit(value, path.isEmpty ? key : "\(path).\(key)") }
            case let list as [Any]:
                for (index, value) in list.enumerated() { visit(value, "\(path).\(index)") }
            default: flat[path] = "\(value)"
            }
        }
        visit(json, "")
        return flat
    }

    /// The first differences in words; nil where there are none.
    ///
    /// - Parameter ignored: Paths that may differ.
    static func difference(
        stored: [String: String], current: [String: String], ignoring ignored: Set<String>
    ) -> String? {
        let paths = Set(stored.keys).union(current.keys).subtracting(ignored)
            .filter { stored[$0] != current[$0] }.sorted()
        guard !paths.isEmpty else { return nil }
        let texts = paths.prefix(3).map { path in
            "\(path) is \(stored[path] ?? "not set") there and \(current[path] ?? "not set") here"
        }
        return texts.joined(separator: ", ") + (paths.count > 3 ? " and \(paths.count - 3) more" : "")
    }
}
