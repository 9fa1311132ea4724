import Torch

extension Loss {
    /// Which positions of a batch count, and how much.
    struct Selection {
        /// False if nothing counts; with weights, even if they are 0.
        let mask: Tensor?
        /// In the type of the distribution's parameters; nil for 1.
        let weights: Tensor?

        /// Looks at whether mask and weights fit.
        init(
            mask: Tensor?, weights: Tensor?, of distribution: any PredictiveDistribution, _ targets: Tensor?
        ) throws(DataFault) {
            if DataFault.areCollected, distribution.batchSize == 0 {
                throw DataFault(place: "Loss", reason: "the batch is empty")
            }
            let shapes = distribution.parameters.map(\.shape) + (targets.map { [$0.shape] } ?? [])
            func fits(_ tensor: Tensor) -> Bool {
                tensor.rank > 0 && shapes.allSatisfy { $0.starts(with: tensor.shape) }
            }
            if let mask {
                guard mask.dtype == .bool, fits(mask) else {
                    throw DataFault(
                        place: "Loss",
                        reason: "the mask \(mask.dtype)\(mask.shape) must be of type bool and have the first axes of "
                            + "the parameters and targets, of shapes \(shapes)")
                }
            }
            guard let weights else {
                (self.mask, self.weights) = (mask, nil)
                return
            }
            guard fits(weights) else {
                throw DataFault(
                    place: "Loss",
                    reason: "weights of shape \(weights.shape) must have the first axes of the parameters and targets, "
                        + "of shapes \(shapes)")
            }
            if let fault = DataFault.outside(
                0...Double.greatestFiniteMagnitude, in: weights, place: "Loss", "the weight",
                "must be finite and at least 0")
            {
                throw fault
            }
            let numbers = weights.detached().to(distribution.parameters[0].dtype)
            let isPositive = numbers .> 0
            self.weights = numbers
            self.mask = mask.map(isPositive.narrowed) ?? isPositive
        }

        /// Targets with zeros where they are masked: padding is often a number that is no valid target.
        func checked(
            _ targets: Tensor, of distribution: any PredictiveDistribution
        ) throws(DataFault) -> Tensor {
            let targets = targets.masked(by: mask)
            if DataFault.areCollected, let fault = distribution.fault(in: targets) { throw fault }
            return targets
        }

        /// Values of positions, with zeros where they are masked.
        func masked(
            _ positions: Tensor, of distribution: any PredictiveDistribution
        ) throws(DataFault) -> Tensor {
            guard positions.shape.starts(with: mask?.shape ?? []) else {
                throw DataFault(
                    place: "Loss",
                    reason:
                        "a mask or weights of shape \(mask?.shape ?? []) for \(type(of: distribution)), whose values "
                        + "per position have the shape \(positions.shape)")
            }
            return positions.masked(by: mask)
        }
    }
}

extension Tensor {
    /// The tensor with zeros wherever a mask of its first axes is false; itself without a mask.
    func masked(by mask: Tensor?) -> Tensor {
        guard let mask else { return self }
        return Tensor.select(mask.alignedToFirstAxes(of: self), self, Tensor.zeros([], like: self))
    }

    /// The tensor times weights of its first axes; itself without weights.
    func weighted(by weights: Tensor?) -> Tensor {
        guard let weights else { return self }
        return self * weights.alignedToFirstAxes(of: self)
    }
}
