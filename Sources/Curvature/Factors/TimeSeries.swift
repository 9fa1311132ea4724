public import Torch

/// The inputs or output gradients of a layer that is used once for each step of a time series.
public struct TimeSeries: Sendable {
    /// [time, batch, features].
    public let values: Tensor

    /// Takes a tensor [time, batch, features].
    public init(_ values: Tensor) {
        guard values.rank == 3 else {
            fatalError("TimeSeries: a tensor of shape \(values.shape); [time, batch, features] is needed")
        }
        self.values = values
    }

    /// Takes a tensor [batch, features] for each step.
    public init(steps: [Tensor]) { self.init(Tensor.stack(steps)) }

    /// Takes a tensor [time · batch, features], all examples of the first step first.
    public init(folded values: Tensor, stepCount: Int) {
        guard values.rank == 2, stepCount > 0, values.shape[0] % stepCount == 0 else {
            fatalError("TimeSeries: a tensor of shape \(values.shape), folded from \(stepCount) steps")
        }
        self.init(values.reshaped([stepCount, -1, values.shape[1]]))
    }

    /// The number of steps.
    public var stepCount: Int { values.shape[0] }
    /// The number of examples.
    public var batchSize: Int { values.shape[1] }
}
