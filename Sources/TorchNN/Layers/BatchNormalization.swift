public import Torch

/// Brings each channel to mean 0 and variance 1 over the batch, then scales and shifts it.
///
/// [batch, channels, ...] stays so. In training the mean and variance are the batch's, and move the running ones; in
/// evaluation they are the running ones.
///
/// Ioffe and Szegedy, "Batch normalization", 2015.
public final class BatchNormalization: ModeDependent {
    /// The scale γ: [channels].
    public let weight: Tensor
    /// The shift β: [channels].
    public let bias: Tensor
    /// The average of the batches' means: [channels].
    @Buffer public private(set) var runningMean: Tensor
    /// The average of the batches' unbiased variances: [channels].
    @Buffer public private(set) var runningVariance: Tensor
    /// The weight of a new batch in the running statistics.
    public let momentum: Double
    /// The number that is added to variances.
    public let epsilon: Double
    /// The mode of the layer.
    public var mode = ModuleMode.training

    /// Creates a layer with scale 1, shift 0, running mean 0 and running variance 1.
    public init(
        _ channels: Int, momentum: Double = 0.1, epsilon: Double = 1e-5, dtype: DType = .float32,
        device: Device = .cpu
    ) {
        guard channels > 0, (0...1).contains(momentum), epsilon >= 0, epsilon.isFinite else {
            fatalError(
                "BatchNormalization of \(channels) channels with momentum \(momentum) and epsilon \(epsilon): at least one "
                    + "channel, a momentum from 0 to 1 and a finite epsilon that is not negative are needed")
        }
        weight = Tensor.ones([channels], dtype: dtype, device: device).requiringGradient()
        bias = Tensor.zeros([channels], dtype: dtype, device: device).requiringGradient()
        runningMean = Tensor.zeros([channels], dtype: dtype, device: device)
        runningVariance = Tensor.ones([channels], dtype: dtype, device: device)
        self.momentum = momentum
        self.epsilon = epsilon
    }

    /// Applies the layer.
    ///
    /// Running statistics take in no batch whose own are not finite. A batch with one value for each channel is a
    /// ``/Torch/DataFault`` in training.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        let shape = input.shape
        guard shape.count >= 2, shape[1] == weight.count else {
            fatalError("BatchNormalization of \(weight.count) channels: the input's shape \(shape) has another number")
        }
        let normalized = batchNormalization(
            input, runningMean: runningMean, runningVariance: runningVariance, training: mode == .training,
            momentum: momentum, epsilon: epsilon)
        return scaleAndShift(normalized, scale: weight, shift: bias, axes: [1])
    }
}
