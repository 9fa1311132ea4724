import CTorch

/// Something that picks elements along one axis: a number, a range, or a ``TensorIndex``.
public protocol TensorIndexing {
    /// The choice along an axis.
    var tensorIndex: TensorIndex { get }
}

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

extension Tensor {
    /// The picked part: a view of the same memory when read, written in place when set.
    ///
    /// `x[0]`, `x[.all, 2..<5]`, `x[.ellipsis, -1]`, `x[.newAxis, .every(2)]`. Positions outside trap.
    public subscript(indices: any TensorIndexing...) -> Tensor {
        get { picked(indices.map(\.tensorIndex)) }
        nonmutating set { picked(indices.map(\.tensorIndex)).assign(newValue) }
    }

    /// The picked rows along an axis, in the order of `indices` (integers of one axis).
    public func gathered(_ indices: Tensor, axis: Int = 0) -> Tensor {
        Tensor.make("gathered", self, indices) { ct_index_select($0, Int64(axis), $1, $2) }
    }

    /// For each element of `indices`, the element at that position along `axis` and the same place otherwise.
    public func elements(at indices: Tensor, along axis: Int) -> Tensor {
        Tensor.make("elements", self, indices) { ct_gather($0, Int64(axis), $1, $2) }
    }

    /// A copy to whose slices at `indices` along `axis` those of `source` are added; repeated indices add up.
    public func adding(_ source: Tensor, at indices: Tensor, along axis: Int = 0) -> Tensor {
        Tensor.make("adding(at:)", [self, indices, source]) { ct_index_add($0![0], Int64(axis), $0![1], $0![2], $2) }
    }

    /// For integers below `classes`, rows of zeros with a one in the integer's place (of type int64).
    public func oneHot(classes: Int) -> Tensor {
        guard classes > 0 else { Tensor.trap("oneHot", [self], "\(classes) classes; at least one is needed") }
        return make("oneHot") { ct_one_hot($0, Int64(classes), $1) }
    }

    /// The positions of the elements that are true (or not zero) in the flattened tensor, int64 [count].
    public func nonzeroPositions() -> Tensor { make("nonzeroPositions", ct_nonzero) }

    /// How often each integer from 0 to below `classes` occurs.
    public func occurrences(classes: Int) -> Tensor {
        let result = flattened().make("occurrences") { ct_bincount($0, Int64(classes), $1) }
        guard result.count == classes else {
            Tensor.trap("occurrences", [self], "an integer is not below \(classes)")
        }
        return result
    }

    private func picked(_ indices: [TensorIndex]) -> Tensor {
        var consumed = 0
        var ellipses = 0
        for index in indices {
            switch index {
            case .position, .slice: consumed += 1
            case .wholeAxes: ellipses += 1
            case .insertedAxis: break
            }
        }
        guard consumed <= rank, ellipses <= 1 else {
            Tensor.trap("subscript", [self], "\(consumed) indices and \(ellipses) ellipses for \(rank) axes")
        }
        let skipped = rank - consumed

        var result = self
        var axis = 0
        for index in indices {
            switch index {
            case .position(let position):
                result = result.make("subscript") { ct_select($0, Int64(axis), Int64(position), $1) }
            case .slice(let start, let end, let step):
                let extent = result.shape[axis]
                let end = end ?? extent
                guard start >= 0, step > 0, start <= end, end <= extent else {
                    Tensor.trap("subscript", [self], "positions \(start)..<\(end) by \(step) of an axis of \(extent)")
                }
                // Of steps that lead beyond the axis, the size does not matter, but a stride must be able to hold it.
                let step = Swift.min(step, Swift.max(extent, 1))
                if start != 0 || end != extent || step != 1 {
                    // Steps beyond the axis all pick its first position.
                    let step = Swift.min(step, Swift.max(1, extent))
                    result = result.make("subscript") {
                        ct_slice($0, Int64(axis), Int64(start), Int64(end), Int64(step), $1)
                    }
                }
                axis += 1
            case .wholeAxes: axis += skipped
            case .insertedAxis:
                result = result.expanded(at: axis)
                axis += 1
            }
        }
        return result
    }
}
