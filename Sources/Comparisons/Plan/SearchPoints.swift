/// Points spread evenly over a unit cube: those of Hammersley (1960), each in the middle of its cell.
///
/// The first coordinates are an even grid; those of dimension j > 0 are the radical inverses of the point's number to
/// the base of the j-th prime. The points depend on their number only: methods with equally many options to search are
/// tried at the same places of their ranges.
enum SearchPoints {
    /// The coordinate of a point in a dimension, between 0 and 1.
    ///
    /// - Parameters:
    ///   - index: The point, from 0.
    ///   - count: The number of points, positive.
    ///   - dimension: The dimension, from 0, less than 9.
    static func coordinate(of index: Int, outOf count: Int, dimension: Int) -> Double {
        guard dimension > 0 else { return (Double(index) + 0.5) / Double(count) }
        let base = primes[dimension - 1]
        var inverse = 0.0
        var cell = 1.0
        var rest = index
        var reach = 1
        while reach < count {
            cell /= Double(base)
            inverse += cell * Double(rest % base)
            rest /= base
            reach *= base
        }
        return inverse + cell / 2
    }

    /// The most dimensions that there are points for.
    static let dimensions = primes.count + 1

    private static let primes = [2, 3, 5, 7, 11, 13, 17, 19]
}
