import CTorch

// Reductions over the axes that are given, or over all of them if none is.
extension Tensor {
    /// The sum.
    ///
    /// - Parameters:
    ///   - axes: The axes to sum over; none for all of them.
    ///   - keepingAxes: Whether the axes stay, with extent 1.
    public func sum(_ axes: Int..., keepingAxes: Bool = false) -> Tensor { sum(axes: axes, keepingAxes: keepingAxes) }

    /// The sum over a list of axes; over all of them where it is empty.
    public func sum(axes: [Int], keepingAxes: Bool = false) -> Tensor { reduce("sum", axes, keepingAxes, ct_sum) }

    /// The mean.
    public func mean(_ axes: Int..., keepingAxes: Bool = false) -> Tensor { reduce("mean", axes, keepingAxes, ct_mean) }

    /// The mean of the squared deviations from the mean (divided by the number of elements).
    public func variance(_ axes: Int..., keepingAxes: Bool = false) -> Tensor {
        reduce("variance", axes, keepingAxes, ct_var)
    }

    /// The greatest element.
    public func max(_ axes: Int..., keepingAxes: Bool = false) -> Tensor { reduce("max", axes, keepingAxes, ct_amax) }

    /// The least element.
    public func min(_ axes: Int..., keepingAxes: Bool = false) -> Tensor { reduce("min", axes, keepingAxes, ct_amin) }

    /// The logarithm of the sum of the exponentials, without overflow.
    public func logSumExp(_ axes: Int..., keepingAxes: Bool = false) -> Tensor {
        reduce("logSumExp", axes, keepingAxes, ct_logsumexp)
    }

    /// The Euclidean norm of all elements.
    public func norm() -> Tensor { squared().sum().squareRoot() }

    /// The greatest magnitude along the last axis, which goes; NaN if there is one.
    public func greatestMagnitudes() -> Tensor { make("greatestMagnitudes", ct_greatest_magnitude) }

    /// Whether all elements are true (or not zero).
    public func all() -> Bool { make("all", ct_all).scalar != 0 }

    /// Whether any element is true (or not zero).
    public func any() -> Bool {
        let found = make("any", ct_any).scalar != 0
        // Results without numbers would read as true: nothing is found in them.
        return found && !MemoryFault.hasOccurred
    }

    /// The index of the greatest element along an axis.
    public func argmax(axis: Int = -1) -> Tensor { make("argmax") { ct_argmax($0, Int64(axis), $1) } }

    /// The indices that put the elements along an axis in ascending or descending order.
    public func sortedIndices(axis: Int = -1, descending: Bool = false) -> Tensor {
        make("sortedIndices") { ct_argsort($0, Int64(axis), descending, $1) }
    }

    /// The running sums along an axis.
    public func cumulativeSum(axis: Int) -> Tensor { make("cumulativeSum") { ct_cumsum($0, Int64(axis), $1) } }

    private func reduce(
        _ operation: StaticString, _ axes: [Int], _ keepingAxes: Bool,
        _ function: (OpaquePointer?, UnsafePointer<Int64>?, Int, Bool, Output?) -> ct_status
    ) -> Tensor {
        make(operation) { x, output in axes.withInt64 { function(x, $0, $1, keepingAxes, output) } }
    }
}
