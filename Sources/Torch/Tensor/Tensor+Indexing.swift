import CTorch

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
