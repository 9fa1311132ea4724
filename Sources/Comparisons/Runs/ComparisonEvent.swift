public import Training

/// Something that happens in a comparison.
///
/// First comes `start`; then, run by run, `runStart`, steps and points, and `runEnd` (nothing of these for a run whose
/// records are there already); a `choice` for each method once its trials are over; last `end`, unless an error ends
/// it.
public enum ComparisonEvent: Sendable {
    /// The comparison begins or continues.
    case start(ComparisonPlan, stored: [RunRecord])
    /// A run begins: the `number`th, from 1, of about `count`; a method that fails at all its trials has no final runs.
    case runStart(ComparisonRun, number: Int, count: Int)
    /// A step was done.
    case step(TrainingEvent.StepResult)
    /// The model was tested.
    case point(RunPoint)
    /// A run is over; where a step failed, the reason is given.
    case runEnd(RunRecord, failure: String?)
    /// The trials of a method are over; nil where all failed.
    case choice(ComparisonMethod, ComparisonResults.Choice?)
    /// The comparison is over or interrupted, its report written.
    case end(ComparisonResults, RunSummary.Outcome)
}
