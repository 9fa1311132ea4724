/// Why a snapshot does not belong to what it is put back into.
public struct SnapshotError: DescribedError, Hashable {
    /// The misfits.
    struct Faults: Hashable {
        var missing: [String] = []
        var unexpected: [String] = []
        var mismatched: [String] = []
        var others: [String] = []

        var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && mismatched.isEmpty && others.isEmpty }
    }

    /// The name of the thing that the state was for.
    public let what: String
    let faults: Faults

    /// A sentence with the misfits, and what to do.
    public var description: String {
        var texts: [String] = []
        func note(_ fault: String, _ entries: [String]) {
            guard !entries.isEmpty else { return }
            let rest = entries.count > 3 ? " and \(entries.count - 3) more" : ""
            texts.append("\(fault)\(entries.sorted().prefix(3).joined(separator: ", "))\(rest)")
        }
        note("it lacks ", faults.missing.map { "'\($0)'" })
        note("nothing here is called ", faults.unexpected.map { "'\($0)'" })
        note("of another shape or type is ", faults.mismatched)
        note("", faults.others)
        return "the saved state does not fit \(what): \(texts.joined(separator: "; ")); "
            + "use the model and the settings that it was saved with"
    }
}
