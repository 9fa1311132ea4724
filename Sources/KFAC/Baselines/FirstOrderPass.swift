import Torch

/// The forward and backward pass that all first-order methods share.
func firstOrderPass(
    _ parameters: [NamedParameter], step: Int, learningRate: Double, momentum: Double, _ loss: () throws -> Loss
) throws -> (StepReport, [Tensor]) {
    let clock = ContinuousClock()
    let start = clock.now
    let mean = try checkingBatch(step: step, loss).mean
    let forward = start.duration(to: clock.now)
    var report = StepReport(step: step, lossTensor: mean.detached(), learningRate: learningRate, momentum: momentum)
    report.phases.append((.forward, forward.seconds))
    let gradients = report.time(.backward) { gradientsIfReached(of: [mean], withRespectTo: parameters.map(\.tensor)) }
    return (report, try requireReached(gradients, parameters))
}

/// The gradients, or an error that names the parameters without one.
func requireReached(_ gradients: [Tensor?], _ parameters: [NamedParameter]) throws -> [Tensor] {
    let unreached = zip(gradients, parameters).filter { $0.0 == nil }.map(\.1.name)
    guard unreached.isEmpty else { throw OptimizerError.unreachedParameters(unreached) }
    return gradients.map { $0! }
}
