package import Torch

/// Stops the program if settings have changed that an optimiser looks at only when it is made.
package func requireNoChange(of changed: [String], in owner: String) {
    guard !changed.isEmpty else { return }
    let names = changed.joined(separator: ", ")
    fatalError(
        "\(owner): configuration.\(names) cannot be changed after the optimizer was made: make a new optimizer")
}

/// Stops the program if the closure that runs the model froze what the step is to move.
package func requireUnfrozen(_ parameters: [NamedParameter], in operation: String) {
    let frozen = parameters.filter { !$0.tensor.requiresGradient }.map(\.name)
    guard frozen.isEmpty else {
        fatalError("\(operation): its closure froze \(frozen.joined(separator: ", ")); freeze parameters between steps")
    }
}
