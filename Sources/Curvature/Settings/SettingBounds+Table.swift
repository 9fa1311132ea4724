// The bounds of all settings, for configurations and for the options of the command line. Every bound that a number
// has is here, and nowhere else.

extension SettingBounds {
    // MARK: Rates

    /// The learning rate of any step, and what multiplies it.
    package static let learningRate = from(0)
    /// The momentum, and the decays of running means of gradients and of their squares.
    package static let momentum = from(0, below: 1)
    /// The weight of half the squared norm of the parameters.
    package static let l2 = from(0, to: 1e6)
    /// The fraction of the parameters that decays at each step, times the learning rate.
    package static let weightDecay = from(0, to: 1e6)
    /// The bound on a step's length.
    package static let clipping = positive()
    /// The bound on the entries of a direction; single precision has it.
    package static let clippedValue = positive(upTo: 1e30)
    /// The factor of a group's part of the preconditioned gradient.
    package static let learningRateScale = from(0, to: 1e6)

    // MARK: Damping

    /// λ, and the limits that its adaptation keeps to.
    package static let damping = from(0)
    /// The factor of λ for each step of an interval.
    package static let dampingDecay = positive(upTo: 1)
    /// The ratios of changes of the loss between which λ stays.
    package static let reductionRatio = from(-.greatestFiniteMagnitude)
    /// The factor of λ + η for the preconditioner.
    package static let dampingScale = from(0)

    // MARK: Curvature

    /// The decay of the running averages of statistics: 0 forgets, 1 lets all batches count alike.
    package static let statisticsDecay = from(0, to: 1)
    /// A fraction of the batch.
    package static let fraction = positive(upTo: 1)
    /// The number of draws of one estimate.
    package static let draws = whole(1...10_000)
    /// The greatest relative error of an inverse in use.
    package static let staleness = from(0)
    /// The least eigenvalue.
    package static let eigenvalueFloor = from(0, to: 1e30)
    /// The eigenvalue before anything is known.
    package static let eigenvalue = positive(upTo: 1e30)
    /// The greatest inverse root of an eigenvalue.
    package static let greatestScale = positive(upTo: 1e15)
    /// The number of inverses from which on one eigendecomposition serves them all.
    package static let eigenThreshold = whole(0...1_000_000)

    /// A number of rows or units: at least one, and as many as one likes.
    package static let dimension = whole(1...Int.max)

    // MARK: Steps

    /// The number of steps between two things.
    package static let period = whole(1...1_000_000)
    /// A number of first steps.
    package static let firstSteps = whole(0...1_000_000)
    /// The first step that an average takes in.
    package static let averageStart = whole(0...1 << 53)
    /// The number of steps of a schedule, of which a run of as many epochs as are allowed has no more.
    package static let scheduledSteps = whole(0...1 << 60)

    // MARK: First-order methods

    /// The number that is added to a root, so that nothing is divided by zero.
    package static let epsilon = from(0, to: 1e30)
    /// The power of a second moment.
    package static let exponent = positive(upTo: 10)
    /// The largest extent of an axis that has a matrix.
    package static let extent = whole(0...1 << 53)
    /// The number of Newton–Schulz iterations.
    package static let iterations = whole(0...1000)

    // MARK: Guards

    /// The number of steps in a row that may be rejected.
    package static let rejections = whole(0...1 << 53)
    /// The factor by which statistics may change.
    package static let plausibleChange = above(1)
    /// A relative distance.
    package static let tolerance = from(0)
}
