public import Torch

/// Why a state does not belong to a module.
public struct ModuleStateError: DescribedError, Hashable {
    /// An entry whose shape or kind of elements is not the module's.
    public struct Mismatch: Sendable, Hashable {
        /// The entry's name.
        public let name: String
        /// The module's tensor, for example "float32[10, 1152]".
        public let expected: String
        /// The state's tensor.
        public let found: String
    }

    /// Entries that are for one tensor of the module, by different names.
    public struct Ambiguity: Sendable, Hashable {
        /// The module's own name of the tensor.
        public let name: String
        /// The names of the entries, in order.
        public let entries: [String]
    }

    /// The type of the module.
    public let module: String
    /// The names that the module has and the state lacks.
    public internal(set) var missing: [String] = []
    /// The names that the state has and the module lacks.
    public internal(set) var unexpected: [String] = []
    /// The entries that do not fit.
    public internal(set) var mismatched: [Mismatch] = []
    /// The names of random generators whose bytes are of the right length and yet no generator's state.
    public internal(set) var damaged: [String] = []
    /// The names of weights with elements that are NaN or infinite.
    public internal(set) var notFinite: [String] = []
    /// The names of entries with finite elements that are infinite in the module's type.
    public internal(set) var overflowing: [String] = []
    /// The names of variances with elements that are negative.
    public internal(set) var negative: [String] = []
    /// The tensors that have more than one entry.
    public internal(set) var ambiguous: [Ambiguity] = []

    init(module: String) { self.module = module }

    var isEmpty: Bool {
        missing.isEmpty && unexpected.isEmpty && mismatched.isEmpty && damaged.isEmpty && notFinite.isEmpty
            && overflowing.isEmpty && negative.isEmpty && ambiguous.isEmpty
    }

    mutating func add(mismatch name: String, expected: Tensor, found: Tensor) {
        func describe(_ tensor: Tensor) -> String { "\(tensor.dtype)\(tensor.shape)" }
        mismatched.append(Mismatch(name: name, expected: describe(expected), found: describe(found)))
    }

    /// A sentence with the misfits, and what to do.
    public var description: String {
        var faults: [String] = []
        func note(_ fault: String, _ entries: [String]) {
            guard !entries.isEmpty else { return }
            let rest = entries.count > 3 ? " and \(entries.count - 3) more" : ""
            faults.append("\(fault) \(entries.prefix(3).joined(separator: ", "))\(rest)")
        }
        note("it lacks", missing.map { "'\($0)'" })
        note("the model has no", unexpected.map { "'\($0)'" })
        note(
            "of another shape or type is",
            mismatched.map { "'\($0.name)' (expected \($0.expected), found \($0.found))" })
        note("no state of a random generator is", damaged.map { "'\($0)'" })
        note("NaN or infinite elements are in", notFinite.map { "'\($0)'" })
        note("elements too large for the model's type are in", overflowing.map { "'\($0)'" })
        note("negative variances are in", negative.map { "'\($0)'" })
        note(
            "more than one entry is for",
            ambiguous.map { own in
                "'\(own.name)' (\(own.entries.map { "'\($0)'" }.joined(separator: " and ")))"
            })
        let fits = missing.isEmpty && unexpected.isEmpty && mismatched.isEmpty
        let advice =
            if !fits {
                "build the model with the settings that it was saved with"
            } else if !damaged.isEmpty || !negative.isEmpty {
                "get the file that it is from anew"
            } else if !ambiguous.isEmpty {
                "leave one of them out"
            } else if !notFinite.isEmpty {
                "use finite weights"
            } else {
                "use a model in float64"
            }
        return "the state does not fit the model \(module): \(faults.joined(separator: "; ")); \(advice)"
    }
}
