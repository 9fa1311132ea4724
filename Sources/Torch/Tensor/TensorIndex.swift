/// The choice of elements along one axis.
public enum TensorIndex: TensorIndexing, Sendable {
    /// One position, counted from the end where negative; the axis goes.
    case position(Int)
    /// Positions from `start` up to but not including `end` (to the end where nil), `step` apart.
    case slice(start: Int, end: Int?, step: Int)
    /// As many whole axes as are not mentioned; written `.ellipsis`.
    case wholeAxes
    /// A new axis of extent 1; written `.newAxis`.
    case insertedAxis

    /// The choice along an axis.
    public var tensorIndex: TensorIndex { self }
}
