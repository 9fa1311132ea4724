/// How many connections a weight makes at each unit; what initialisers scale by.
public struct Fan: Sendable, Hashable {
    /// The number of inputs that one output sees.
    public var input: Int
    /// The number of outputs that one input reaches (of a convolution with stride 1).
    public var output: Int

    /// Creates the counts.
    public init(input: Int, output: Int) {
        self.input = input
        self.output = output
    }

    /// Which of the counts an initialiser scales by.
    public enum Choice: Sendable, Hashable, CaseIterable {
        /// The number of inputs, which keeps the variance of activations.
        case input
        /// The number of outputs, which keeps the variance of gradients.
        case output
        /// The mean of both.
        case average
    }

    /// The count, or the mean of the counts, that `choice` names.
    public func count(_ choice: Choice) -> Double {
        switch choice {
        case .input: Double(input)
        case .output: Double(output)
        case .average: (Double(input) + Double(output)) / 2
        }
    }
}
