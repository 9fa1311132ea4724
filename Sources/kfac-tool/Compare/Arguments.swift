public import ArgumentParser
public import Training

// A conformance of a public type is public.

extension ComparisonMetric: ExpressibleByArgument {}

extension ComparisonTarget: ExpressibleByArgument {}
