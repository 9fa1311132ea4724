/// How methods with a preconditioner for each axis see a kernel: a parameter with more than two axes.
public enum KernelView: String, Sendable, Hashable, Codable {
    /// As a matrix of one row for each output: [outputs, inputs · kernel rows · kernel columns].
    case matrix
    /// With all of its axes, each with a preconditioner of its own: cheaper and coarser.
    case axes
}
