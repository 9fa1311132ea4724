/// Something that picks elements along one axis: a number, a range, or a ``TensorIndex``.
public protocol TensorIndexing {
    /// The choice along an axis.
    var tensorIndex: TensorIndex { get }
}

extension TensorIndexing where Self == TensorIndex {
    /// The whole axis.
    public static var all: TensorIndex { .slice(start: 0, end: nil, step: 1) }

    /// As many whole axes as are not mentioned.
    public static var ellipsis: TensorIndex { .wholeAxes }

    /// A new axis of extent 1.
    public static var newAxis: TensorIndex { .insertedAxis }

    /// Every `step`th position of the axis.
    public static func every(_ step: Int) -> TensorIndex { .slice(start: 0, end: nil, step: step) }
}

extension Int: TensorIndexing {
    /// The choice along an axis.
    public var tensorIndex: TensorIndex { .position(self) }
}

extension Range<Int>: TensorIndexing {
    /// The choice along an axis.
    public var tensorIndex: TensorIndex { .slice(start: lowerBound, end: upperBound, step: 1) }
}

extension ClosedRange<Int>: TensorIndexing {
    /// The choice along an axis.
    public var tensorIndex: TensorIndex { .slice(start: lowerBound, end: after(upperBound), step: 1) }
}

extension PartialRangeFrom<Int>: TensorIndexing {
    /// The choice along an axis.
    public var tensorIndex: TensorIndex { .slice(start: lowerBound, end: nil, step: 1) }
}

extension PartialRangeUpTo<Int>: TensorIndexing {
    /// The choice along an axis.
    public var tensorIndex: TensorIndex { .slice(start: 0, end: upperBound, step: 1) }
}

extension PartialRangeThrough<Int>: TensorIndexing {
    /// The choice along an axis.
    public var tensorIndex: TensorIndex { .slice(start: 0, end: after(upperBound), step: 1) }
}

/// The next position; of the last integer that one, which no axis has either.
private func after(_ position: Int) -> Int { position == .max ? position : position + 1 }
