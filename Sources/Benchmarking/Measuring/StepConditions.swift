public import Torch

/// What the steps of networks compute in and how, of K-FAC and SGD alike.
public struct StepConditions: Sendable, Hashable {
    /// The layout of images in memory.
    public var imageLayout: ImageLayout
    /// Whether layers compute in mixed precision, see ``/Torch/withMixedPrecision(_:_:)``.
    public var mixesPrecision: Bool

    /// Creates conditions; by default single precision, and the layout that is faster with it.
    public init(
        imageLayout: ImageLayout = .preferred(for: .float32, on: .cpu), mixesPrecision: Bool = false
    ) {
        self.imageLayout = imageLayout
        self.mixesPrecision = mixesPrecision
    }
}
