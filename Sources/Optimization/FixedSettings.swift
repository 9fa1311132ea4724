/// Stops the program where settings have changed that an optimiser looks at only when it is made.
package func requireNoChange(of changed: [String], in owner: String) {
    guard !changed.isEmpty else { return }
    let names = changed.joined(separator: ", ")
    fatalError(
        "\(owner): configuration.\(names) cannot be changed after the optimizer was made: make a new optimizer")
}
