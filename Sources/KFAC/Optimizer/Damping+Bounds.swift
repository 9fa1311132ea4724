import Optimization

extension Damping: CheckedSettings {
    package var defect: String? {
        switch self {
        case .scheduled(let schedule): SettingBounds.damping.defect("the damping", schedule)
        case .adaptive(let rule): rule.defect
        }
    }
}

extension LevenbergMarquardt: CheckedSettings {
    package var defect: String? {
        if let defect = numberDefect { return defect }
        if case .exact(let share) = prediction,
            let defect = SettingBounds.fraction.defect("the share of the batch for the prediction", share)
        {
            return defect
        }
        if lowerThreshold > upperThreshold {
            return "the ratio below which the damping rises, \(lowerThreshold), is above the one above which it falls, "
                + "\(upperThreshold)"
        }
        guard minimum <= initial, initial <= maximum else {
            return
                "the initial damping \(initial) must be from the damping's minimum \(minimum) to its maximum \(maximum)"
        }
        return nil
    }

    private var numberDefect: String? {
        [
            SettingBounds.damping.defect("the initial damping", initial),
            SettingBounds.damping.defect("the minimum of the damping", minimum),
            SettingBounds.damping.defect("the maximum of the damping", maximum),
            SettingBounds.period.defect("the interval of the damping's adaptation", interval),
            SettingBounds.dampingDecay.defect("the decay of the damping", decay),
            SettingBounds.reductionRatio.defect("the ratio below which the damping rises", lowerThreshold),
            SettingBounds.reductionRatio.defect("the ratio above which the damping falls", upperThreshold),
        ].firstDefect
    }
}

extension PreconditionerDamping: CheckedSettings {
    package var defect: String? {
        switch self {
        case .proportional(let factor): SettingBounds.dampingScale.defect("the factor of the damping", factor)
        case .scheduled(let schedule): SettingBounds.damping.defect("the preconditioner's damping", schedule)
        case .relative(let share): SettingBounds.dampingScale.defect("the relative damping", share)
        case .adaptive(let search): search.defect
        }
    }
}

extension GammaSearch: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.period.defect("the interval of the search for the preconditioner's damping", interval),
            SettingBounds.dampingDecay.defect("the decay of the search for the preconditioner's damping", decay),
            SettingBounds.damping.defect("the least damping of the search", bounds.lowerBound),
            SettingBounds.damping.defect("the greatest damping of the search", bounds.upperBound),
        ].firstDefect
    }
}
