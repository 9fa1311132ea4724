public import Torch

/// The input-side Kronecker factor of a convolution under the assumption that pixels of a patch are uncorrelated.
///
/// With the channels' covariance Σ and mean μ over all pixels, the patches' second moment is Σ ⊗ I + m mᵀ, where m
/// repeats μ at each position of the kernel and ends in the bias's 1, whose coordinate has no variance (Grosse &
/// Martens 2016, section 3.2, "spatially uncorrelated activations"). Its inverse costs that of Σ and a change of rank
/// one. Borders and strides do not matter.
///
/// Coordinates are in the order [channel][kernel row][kernel column] of the weight, the bias's last. The successor's
/// `ConvInputSUAKroneckerFactor` has this order, too, but its blocks apply it to parameters whose channel is last: a
/// defect. It also averages the covariances about each batch's own mean, which loses how the means differ between
/// batches; here parts of a batch give what the whole gives.
public final class SpatiallyUncorrelatedConvInputFactor: RegisteredInverses {
    /// How the channels' mean is treated.
    public enum Mean: String, Sendable, Hashable, Codable {
        /// m mᵀ is part of the matrix.
        case included
        /// Σ is the covariance about the mean, but m mᵀ is left out (the bias's 1 is kept, which the successor's
        /// setting `ASSUME_ZERO_MEAN_ACTIVATIONS` leaves out, too).
        case dropped
        /// Σ is the second moment, as if the mean were zero.
        case zero
    }

    /// The number of input channels.
    public let channels: Int
    /// The extents of the kernel.
    public let kernel: [Int]
    /// Whether the last coordinate is the bias's.
    public let hasBias: Bool
    /// How the channels' mean is treated.
    public let mean: Mean

    /// How the factor averages and inverts.
    public let settings: FactorSettings

    private var covarianceAverage: MovingAverage
    private var meanAverage: MovingAverage

    /// Creates a factor without statistics.
    public init(
        channels: Int, kernel: [Int], hasBias: Bool, mean: Mean = .included,
        settings: FactorSettings = FactorSettings(), dtype: DType = .float32, device: Device = .cpu
    ) {
        self.channels = channels
        self.kernel = kernel
        self.hasBias = hasBias
        self.mean = mean
        self.settings = settings
        covarianceAverage = MovingAverage(
            rule: settings.averaging,
            initialValue: settings.start.matrices([channels, channels], dtype: dtype, device: device))
        meanAverage = MovingAverage(
            rule: settings.averaging, initialValue: .zeros([channels], dtype: dtype, device: device))
    }

    /// The number of rows and columns.
    public var dimension: Int { channels * positions + (hasBias ? 1 : 0) }

    /// Σ, the covariance (or second moment) of the channels, [channels, channels]; a view of memory that updates write.
    public var channelCovariance: Tensor { covarianceAverage.value }

    /// μ, the mean of the channels, [channels] (zeros if it is taken to be zero); a view of memory that updates
    /// write.
    public var channelMean: Tensor { meanAverage.value }

    /// The number of batches that the average has seen.
    public var updateCount: Int { covarianceAverage.updateCount }

    /// The current average; a view of memory that updates write.
    public var average: any SymmetricOperator {
        let pixels = RepeatedOperator(DenseOperator(channelCovariance), count: positions)
        let kept = mean == .included ? channelMean : Tensor.zeros(like: channelMean)
        let vector = kept.expanded(at: 1).broadcast(to: [channels, positions]).flattened()
        guard hasBias else { return mean == .included ? RankOneUpdateOperator(pixels, vector: vector) : pixels }
        let bias = DiagonalOperator(Tensor.zeros([1], like: vector))
        return RankOneUpdateOperator(DirectSumOperator([pixels, bias]), vector: vector.padded([(0, 1)], value: 1))
    }

    /// Moves the averages by a batch.
    ///
    /// - Parameters:
    ///   - inputs: [batch, channels, spatial...], one for each use of the weight in the batch; all pixels count alike.
    ///   - decay: ρ of the running averages.
    ///   - weight: For the count-weighted rule; the number of examples of the first input by default.
    public func update(inputs: [Tensor], decay: Double, weight: Double? = nil) {
        for input in inputs where input.rank != kernel.count + 2 || input.shape[1] != channels {
            fatalError(
                "SpatiallyUncorrelatedConvInputFactor.update: an input of shape \(input.shape) for \(channels) channels "
                    + "and a kernel \(kernel)")
        }
        let pixels = Tensor.concatenate(inputs.map { $0.transposed(0, 1).flattened(from: 1) }, axis: 1)
        let weight = weight ?? Double(inputs[0].shape[0])
        let batchMean = mean == .zero ? Tensor.zeros(like: channelMean) : pixels.mean(1)
        let centred = Rows(columns: mean == .zero ? pixels : pixels - batchMean.expanded(at: 1))
        covarianceAverage.update(decay: decay, weight: weight) { value, keep, add in
            centred.accumulate(
                into: value, keep: keep, scale: add / Double(centred.count), form: settings.statistics)
            // The variance between the mean so far and the batch's.
            let distance = (channelMean - batchMean).expanded(at: 1)
            value.formSum(withProductOf: distance, distance.transposed(), beta: 1, alpha: keep * add)
        }
        meanAverage.update(with: batchMean, decay: decay, weight: weight)
    }

    /// Lets the batches so far fade by one in which nothing counted.
    public func fade(decay: Double) {
        covarianceAverage.fade(decay: decay)
        meanAverage.fade(decay: decay)
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.under("covariance") { covarianceAverage.save(to: &$0) }
        snapshot.under("mean") { meanAverage.save(to: &$0) }
    }

    public func restore(from reader: SnapshotReader) {
        covarianceAverage.restore(from: reader.under("covariance")) { self.covarianceAverage = $0 }
        meanAverage.restore(from: reader.under("mean"), of: .others) { self.meanAverage = $0 }
    }

    public func restart() {
        covarianceAverage.restart()
        meanAverage.restart()
    }

    private var positions: Int { kernel.reduce(1, *) }
}
