public import ArgumentParser
public import Comparisons

// A conformance of a public type is public.

extension ComparisonMetric: ExpressibleByArgument {}

extension ComparisonTarget {
    /// Reads an option's target.
    @Sendable static func option(_ text: String) throws -> ComparisonTarget {
        guard let target = ComparisonTarget(text) else {
            throw ValidationError("it must be a finite number, or best:METHOD with a method's label.")
        }
        return target
    }
}
