/// How two descriptions of data by ``Problem/dataFingerprint`` are compared.
package enum DataFingerprint {
    /// The first differences in words; nil where there are none, or one of the descriptions says nothing.
    package static func difference(stored: [String: String]?, current: [String: String]?) -> String? {
        guard let stored, let current, !stored.isEmpty, !current.isEmpty else { return nil }
        return CheckpointSettings.difference(
            stored: stored.mapValues(short), current: current.mapValues(short), ignoring: [])
    }

    /// A hash by its first digits, of which no two are alike by chance; other texts as they are.
    package static func short(_ value: String) -> String {
        value.wholeMatch(of: /[0-9a-f]{64}/) != nil ? "\(value.prefix(16))" : value
    }
}
