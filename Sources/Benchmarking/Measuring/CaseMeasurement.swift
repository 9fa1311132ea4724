/// The measurements of one case in its rounds.
struct CaseMeasurement {
    /// The least that the case must do.
    var work: Work
    /// The times of the case itself, round by round.
    var samples: [Sample]
    /// Those of the plain path.
    var plain: [Sample]?
    /// Those of the eigendecomposition.
    var eigh: [Sample]?
    /// Those of an SGD step of the same network.
    var sgd: [Sample]?
    /// The seconds of each phase in the mean step, in the order in which they run.
    var phases: [(name: String, seconds: Double)] = []
    /// Which form was taken, and why.
    var reason: String?
}
