public import Torch

extension Loss {
    /// Creates the loss of a batch in which one number among the targets stands for positions that are not looked at.
    ///
    /// The same as the mask `targets .!= ignored`: ignored positions take no part in loss and curvature, and do not
    /// count in a mean over positions.
    ///
    /// - Parameters:
    ///   - distribution: What the network predicts for the batch.
    ///   - targets: One number for each position, such as class indices, [batch, ...].
    ///   - ignored: The target that is none, as the usual −100.
    ///   - mask: As in ``init(_:targets:mask:weights:reduction:)``, beside the ignored positions.
    ///   - weights: As there.
    ///   - reduction: What the mean is taken over.
    public init(
        _ distribution: any PredictiveDistribution, targets: Tensor, ignoring ignored: Int, mask: Tensor? = nil,
        weights: Tensor? = nil, reduction: Reduction = .meanOverExamples
    ) {
        let kept = Self.kept(targets, ignoring: ignored, mask: mask)
        self.init(distribution, targets: targets, mask: kept, weights: weights, reduction: reduction)
    }

    /// Creates the loss of a batch whose positions weigh as much as the class that was observed there.
    ///
    /// The loss of a position with the class y is w_y times −log p(y), and its curvature w_y F with the Fisher matrix F
    /// of the prediction: the Gauss–Newton matrix of the weighted loss. So the curvature depends on the observed
    /// classes by their weights only.
    ///
    /// - Parameters:
    ///   - distribution: What the network predicts for the batch.
    ///   - targets: Class indices, [batch, ...].
    ///   - classWeights: The weight of each class, [classes], not negative.
    ///   - ignored: The target that stands for positions that are not looked at, if any.
    ///   - mask: As in ``init(_:targets:mask:weights:reduction:)``.
    ///   - weights: As there, times the weights of the classes.
    ///   - reduction: What the mean is taken over; ``Reduction/meanOverWeights`` divides by the sum of the weights.
    public init(
        _ distribution: Categorical, targets: Tensor, classWeights: Tensor, ignoring ignored: Int? = nil,
        mask: Tensor? = nil, weights: Tensor? = nil, reduction: Reduction = .meanOverExamples
    ) {
        let logits = distribution.logits
        guard classWeights.shape == [logits.shape.last!] else {
            fatalError("Loss: class weights of shape \(classWeights.shape) for logits of shape \(logits.shape)")
        }
        let kept = ignored.map { Self.kept(targets, ignoring: $0, mask: mask) } ?? mask
        guard [kept, weights].allSatisfy({ $0 == nil || targets.shape.starts(with: $0!.shape) }) else {
            // Their faults are reported there.
            self.init(distribution, targets: targets, mask: kept, weights: weights)
            return
        }
        if DataFault.areCollected, let fault = distribution.fault(in: targets.masked(by: kept)) {
            fault.report()
            self.init(unusableDataFor: distribution)
            return
        }
        guard !targets.dtype.isFloatingPoint, targets.shape == Array(logits.shape.dropLast()) else {
            fatalError(
                "Loss: class weights need class indices for targets; \(targets.dtype)\(targets.shape) were given for "
                    + "logits of shape \(logits.shape)")
        }
        let classes = targets.masked(by: kept).to(.int64)
        let observed = classWeights.gathered(classes.flattened()).reshaped(targets.shape)
        self.init(
            distribution, targets: targets, mask: kept,
            weights: weights.map { observed * $0.alignedToFirstAxes(of: observed).to(observed.dtype) } ?? observed,
            reduction: reduction)
    }

    /// The mask without the positions whose target is to be ignored.
    private static func kept(_ targets: Tensor, ignoring ignored: Int, mask: Tensor?) -> Tensor {
        let kept = targets .!= Double(ignored)
        // A misfit is found where masks are checked.
        if let mask, mask.dtype != .bool || !targets.shape.starts(with: mask.shape) { return mask }
        return mask.map(kept.narrowed) ?? kept
    }
}
