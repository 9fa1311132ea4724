import Optimization

extension GuardWatch {
    /// Looks at a block before it is inverted, and tells of what lasts.
    ///
    /// - Returns: The damping to invert it with, at least what its rounding demands.
    mutating func examine(_ block: any CurvatureBlock, damping: Double, _ guards: Guards) -> Double {
        let found = block.examination(damping: damping, tolerance: guards.gradientDescentTolerance)
        if found.isBroken { state.restarts.insert(block.name) }
        note(.deadLayer(layer: block.name), while: found.isDead)
        note(
            .gradientDescent(layer: block.name),
            while: !found.isDead && found.anisotropy <= guards.gradientDescentTolerance)
        let least = found.leastDamping.isFinite ? found.leastDamping : 0
        note(.dampingRaised(layer: block.name, from: damping, to: least), while: least > damping)
        return max(damping, least)
    }
}
