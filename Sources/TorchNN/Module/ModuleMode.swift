/// The purpose for which a network is run.
public enum ModuleMode: Sendable, Hashable {
    /// Training: units are dropped, statistics are those of the batch.
    case training
    /// Evaluation: the output depends on the example alone, and always in the same way.
    case evaluation
}

extension Module {
    /// Sets the mode of this module and all modules inside it, until further notice.
    public func setMode(_ mode: ModuleMode) {
        for dependent in modeDependents { dependent.mode = mode }
    }

    /// Runs `body` with this module and all modules inside it in a mode; afterwards each has its own mode again.
    ///
    ///     let accuracy = model.withMode(.evaluation) { accuracy(model(images), labels) }
    public func withMode<Result, Failure: Error>(
        _ mode: ModuleMode, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let before = modeDependents.map { (dependent: $0, mode: $0.mode) }
        setMode(mode)
        defer {
            for (dependent, mode) in before { dependent.mode = mode }
        }
        return try body()
    }

    private var modeDependents: [any ModeDependent] { namedModules.compactMap { $0.module as? any ModeDependent } }
}
