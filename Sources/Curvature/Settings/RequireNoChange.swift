/// Stops the program where settings have changed that are looked at only when their owner is made.
package func requireNoChange(of changed: [String], in owner: String) {
    guard !changed.isEmpty else { return }
    fatalError(
        "\(owner): configuration.\(changed.joined(separator: ", ")) cannot be changed after it was made: make a new "
            + "\(owner)")
}
