import Curvature

/// An intervention of a guard, or a condition that the user should know.
///
/// The description is one clause that fits behind "step 17: ".
public enum GuardEvent: Sendable, Hashable, Codable {
    /// The step was not taken: parameters, velocities and running averages are as before it.
    case stepRejected(reason: RejectionReason)
    /// A layer's statistics in a batch did not enter the running average.
    case statisticsRejected(layer: String, defect: StatisticsDefect)
    /// The running average of a layer was begun anew: what was in it cannot have been an average of squares, or no
    /// longer fits the batches.
    case statisticsRestarted(layer: String)
    /// The inverse of a layer's curvature failed, and something else takes its place until the next update.
    case inverseRepaired(layer: String, rung: InverseRung)
    /// The damping was too small for the rounding of a layer's factors, and is greater for that layer.
    ///
    /// Told when it begins, and again only after it has ceased.
    case dampingRaised(layer: String, from: Double, to: Double)
    /// A layer has no curvature: its inputs or its output gradients are all zero, or there are no statistics yet.
    ///
    /// Told when it begins, and again only after it has ceased.
    case deadLayer(layer: String)
    /// The damping exceeds all of a layer's curvature, so that its directions are those of plain gradient descent.
    ///
    /// Told when it begins, and again only after it has ceased. Where (A + a I) ⊗ (G + g I) is inverted, the criterion
    /// is (1 + ‖A‖/a)(1 + ‖G‖/g) ≤ 1 + ``Guards/gradientDescentTolerance``: no direction is scaled much otherwise than
    /// another.
    case gradientDescent(layer: String)

    /// Which guard it was, without the particulars.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// A step was not taken.
        case stepRejected
        /// A layer's statistics of a batch were left out.
        case statisticsRejected
        /// A layer's running average was begun anew.
        case statisticsRestarted
        /// Something took the place of an inverse.
        case inverseRepaired
        /// A layer has more damping than was chosen.
        case dampingRaised
        /// A layer has no curvature.
        case deadLayer
        /// A layer has in effect gradient descent.
        case gradientDescent
    }

    /// Which guard it was.
    public var kind: Kind {
        switch self {
        case .stepRejected: .stepRejected
        case .statisticsRejected: .statisticsRejected
        case .statisticsRestarted: .statisticsRestarted
        case .inverseRepaired: .inverseRepaired
        case .dampingRaised: .dampingRaised
        case .deadLayer: .deadLayer
        case .gradientDescent: .gradientDescent
        }
    }

    /// The layer that it is about; nil if it is about the whole step.
    public var layer: String? {
        switch self {
        case .stepRejected: nil
        case .statisticsRejected(let layer, _), .statisticsRestarted(let layer), .inverseRepaired(let layer, _),
            .dampingRaised(let layer, _, _), .deadLayer(let layer), .gradientDescent(let layer):
            layer
        }
    }
}

extension GuardEvent: CustomStringConvertible {
    public var description: String {
        switch self {
        case .stepRejected(let reason): "the step is rejected, as \(reason)"
        case .statisticsRejected(let layer, let defect): "the statistics of \(layer) are left out, as they \(defect)"
        case .statisticsRestarted(let layer): "the statistics of \(layer) begin anew"
        case .inverseRepaired(let layer, let rung):
            "the inverse or eigenbasis of \(layer) could not be computed: \(rung)"
        case .dampingRaised(let layer, let from, let to):
            "the damping of \(layer) is raised from \(from) to \(to), the least that rounding allows"
        case .deadLayer(let layer): "\(layer) has no curvature: its inputs or output gradients are zero"
        case .gradientDescent(let layer):
            "the damping exceeds all curvature of \(layer), which in effect has plain gradient descent"
        }
    }
}
