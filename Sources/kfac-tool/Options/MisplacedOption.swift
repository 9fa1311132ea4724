import ArgumentParser

/// An option that was given and has no effect beside the others.
struct MisplacedOption {
    /// The option as it is typed: "--staleness".
    let name: String
    /// The fault, in one sentence.
    let reason: String

    init(_ name: String, _ reason: String) {
        self.name = name
        self.reason = reason
    }

    /// nil where the option is not given or has an effect.
    ///
    /// - Parameter place: The options that it has an effect with.
    init?(_ name: String, isGiven: Bool, hasEffect: Bool, isFor place: String) {
        guard isGiven, !hasEffect else { return nil }
        self.init(name, "\(name) is for \(place) only.")
    }
}

extension [MisplacedOption] {
    /// Refuses them.
    func refuse() throws {
        if let first { throw ValidationError(first.reason) }
    }
}
