import Curvature

/// Protection against numbers that are not finite or not plausible: they are left out or replaced, and reported.
///
/// Each intervention is a ``GuardEvent`` in ``StepReport/guards``. If there is none, a step is to the bit what it is
/// without guards. First-order methods check losses, gradients and updates; `KFACOptimizer` also statistics, dampings
/// and inverses.
public struct Guards: Sendable, Hashable, Codable {
    /// Whether anything is guarded.
    ///
    /// Without, K-FAC throws at the first loss that is not finite and at the first inverse that fails, and first-order
    /// methods take every step.
    public var isOn: Bool
    /// How many steps in a row may be rejected; one more throws ``OptimizerError/stepsRejected(count:step:reason:)``.
    public var maximumRejections: Int
    /// By which factor the mean square of what enters a layer's statistics may exceed all before, above 1; or the
    /// inputs' fall below.
    ///
    /// A running average would remember a damaged batch for as many updates as this has digits, times about 45 (with
    /// the decay 0.95): such a batch is left out. After three in a row, the next is believed.
    public var plausibleChange: Double
    /// How far the damped curvature of a layer may be from a multiple of the identity for its directions to count as
    /// those of plain gradient descent, which is reported.
    public var gradientDescentTolerance: Double

    /// Creates guards.
    public init(
        isOn: Bool = true, maximumRejections: Int = 10, plausibleChange: Double = 1e12,
        gradientDescentTolerance: Double = 0.01
    ) {
        self.isOn = isOn
        self.maximumRejections = maximumRejections
        self.plausibleChange = plausibleChange
        self.gradientDescentTolerance = gradientDescentTolerance
    }

    /// No guards.
    public static let off = Guards(isOn: false)

    /// How many batches in a row may be implausible before they are believed.
    package static let patience = 3
}

extension Guards: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.rejections.defect("the number of rejected steps in a row", maximumRejections),
            SettingBounds.plausibleChange.defect("the plausible change of statistics", plausibleChange),
            SettingBounds.tolerance.defect(
                "the tolerance for directions of gradient descent", gradientDescentTolerance),
        ].firstDefect
    }
}
