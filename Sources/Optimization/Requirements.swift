package import Torch

/// Stops the program if the closure that runs the model froze what the step is to move.
package func requireUnfrozen(_ parameters: [NamedParameter], in operation: String) {
    let frozen = parameters.filter { !$0.tensor.requiresGradient }.map(\.name)
    guard frozen.isEmpty else {
        fatalError("\(operation): its closure froze \(frozen.joined(separator: ", ")); freeze parameters between steps")
    }
}
