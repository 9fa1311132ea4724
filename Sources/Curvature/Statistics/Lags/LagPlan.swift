import Torch

/// How the second moment of a convolution's patches is put together from products of an image with its shifted self.
///
/// The block of two kernel elements is a sum over the pairs of pixels that they read, and pairs of elements at the same
/// distance (the same *lag*) read the same pairs of pixels, but for a few at the edges. So there is one product for
/// each lag: 13 instead of 81 for a 3x3 kernel, from the images themselves, which no patch repeats. Strides divide the
/// pixels into phases (see ``AxisLags``). Any kernel, stride, padding and dilation over any number of axes, exactly.
struct LagPlan {
    /// How the edges are dealt with.
    enum Edges: Hashable {
        /// The image is divided where pairs of kernel elements differ in what they read, along all axes: nothing is
        /// computed that is not used, and nothing subtracted.
        case divided
        /// Along all axes but the last. Along this one all neighbours of some pixels at a time, a window, are
        /// multiplied with their surroundings at once, in larger matrices, and columns that a pair does not read
        /// subtracted.
        case windows(Int)
    }

    /// The products to compute.
    let products: LineProducts
    /// For each axis, which pixels each kernel element reads, [kernel elements, pixels] of 0 and 1.
    let selections: [[[Double]]]

    /// Plans for images of one shape.
    ///
    /// - Parameter spatial: The extents of the spatial axes.
    init(spatial: [Int], geometry: ConvolutionGeometry, edges: Edges) {
        let axes = spatial.indices.map {
            AxisLags(
                extent: spatial[$0], kernel: geometry.kernel[$0], stride: geometry.stride[$0],
                padding: geometry.padding[$0], dilation: geometry.dilation[$0])
        }
        // To divide along the last axis, too, each pixel is a line of its own.
        let pixel = AxisLags(extent: 1, kernel: 1, stride: 1, padding: 0, dilation: 1)
        var builder = Builder(axes: edges == .divided ? axes + [pixel] : axes)
        builder.build()
        let window = if case .windows(let window) = edges { window } else { 1 }
        products = LineProducts(
            lines: builder.lines.lines, products: builder.products, terms: builder.sortedTerms,
            slotCount: builder.slotCount, kernelCount: geometry.kernel.reduce(1, *), window: window)
        selections = axes.map { axis in
            axis.elements.map { element in
                var row = [Double](repeating: 0, count: axis.extent)
                for pixel in axis.read(by: element) { row[pixel] = 1 }
                return row
            }
        }
    }

    /// The number of pixels in a window that makes the products' matrices large enough for few channels.
    static func window(channels: Int) -> Int { channels >= 12 ? 1 : max(1, 16 / channels) }
}

/// The lines of the images, ordered so that lines of one phase along the second-last axis are neighbours.
private struct LineOrder {
    private(set) var lines: [LineProducts.Line] = []
    private var firsts: [[Int]: Int] = [:]
    private let outer: [AxisLags]

    init(axes: [AxisLags]) {
        outer = Array(axes.dropLast())
        let last = axes[axes.count - 1]
        for phases in Self.tuples(axes.map(\.stride)) {
            firsts[phases] = lines.count
            for indices in Self.tuples(zip(outer, phases).map { $0.count(phase: $1) }) {
                let positions = outer.indices.map { indices[$0] * outer[$0].stride + phases[$0] }
                lines.append(
                    .init(
                        positions: positions, first: phases[outer.count], step: last.stride,
                        count: last.count(phase: phases[outer.count])))
            }
        }
    }

    /// The number of the line at some place of its phases.
    func number(phases: [Int], indices: [Int]) -> Int {
        firsts[phases]! + zip(outer.indices, indices).reduce(0) { $0 * outer[$1.0].count(phase: phases[$1.0]) + $1.1 }
    }

    /// All lists of numbers below the given ones, the last number running fastest.
    static func tuples(_ counts: [Int]) -> [[Int]] {
        counts.reduce([[]]) { lists, count in lists.flatMap { list in (0..<count).map { list + [$0] } } }
    }
}

/// Lists products and terms, one after another.
private struct Builder {
    let axes: [AxisLags]
    let lines: LineOrder
    private(set) var products: [LineProducts.Product] = []
    private(set) var slotCount = 0
    private var terms: [LineProducts.Term] = []

    init(axes: [AxisLags]) {
        self.axes = axes
        lines = LineOrder(axes: axes)
    }

    var sortedTerms: [LineProducts.Term] { terms.sorted { ($0.left, $0.right) < ($1.left, $1.right) } }

    private var outer: ArraySlice<AxisLags> { axes.dropLast() }
    private var last: AxisLags { axes[axes.count - 1] }

    mutating func build() {
        // Pairs of places of the outer axes' kernel elements, in order, by their lags.
        let places = LineOrder.tuples(outer.map(\.elements.count))
        var classes: [[AxisLags.Lag]: [(left: Int, right: Int)]] = [:]
        var order: [[AxisLags.Lag]] = []
        for left in places.indices {
            for right in left..<places.count {
                let lags = outer.indices.map { axes[$0].lag(places[left][$0], places[right][$0]) }
                if classes[lags] == nil { order.append(lags) }
                classes[lags, default: []].append((left, right))
            }
        }
        for lags in order { add(lags: lags, pairs: classes[lags]!, places: places) }
    }

    /// Lists what the pairs of outer places at one lag need.
    private mutating func add(lags: [AxisLags.Lag], pairs: [(left: Int, right: Int)], places: [[Int]]) {
        let ranges = pairs.map { pair in
            outer.indices.map { axes[$0].pixels(places[pair.left][$0], places[pair.right][$0]) }
        }
        // A block on the diagonal of the outer places is symmetric: half of its own blocks suffice.
        let isDiagonal = pairs[0].left == pairs[0].right
        let columns = columnPairs(orderedOnly: isDiagonal)
        for cell in cells(of: ranges) {
            let members = pairs.indices.filter { number in
                zip(ranges[number], cell).allSatisfy {
                    $0.lowerBound <= $1.lowerBound && $1.upperBound <= $0.upperBound
                }
            }
            guard !members.isEmpty else { continue }
            for group in columns { add(cell, lags: lags, members: members.map { pairs[$0] }, columns: group) }
        }
    }

    /// The pairs of kernel elements along the last axis by their phases, each with its shift.
    private func columnPairs(orderedOnly: Bool) -> [[(left: Int, right: Int, lag: AxisLags.Lag)]] {
        var groups: [[(left: Int, right: Int, lag: AxisLags.Lag)]] = []
        for left in last.elements {
            for right in last.elements where !orderedOnly || left <= right {
                let lag = last.lag(left, right)
                if let group = groups.firstIndex(where: { $0[0].lag.left == lag.left && $0[0].lag.right == lag.right })
                {
                    groups[group].append((left, right, lag))
                } else {
                    groups.append([(left, right, lag)])
                }
            }
        }
        return groups
    }

    /// The boxes into which the bounds of some boxes divide space.
    private func cells(of boxes: [[Range<Int>]]) -> [[Range<Int>]] {
        outer.indices.reduce([[]]) { cells, axis in
            let bounds = Set(boxes.flatMap { [$0[axis].lowerBound, $0[axis].upperBound] }).sorted()
            let parts = zip(bounds, bounds.dropFirst()).map { $0..<$1 }
            return cells.flatMap { cell in parts.map { cell + [$0] } }
        }
    }

    /// Lists the products over the lines of one cell, and what they are for.
    private mutating func add(
        _ cell: [Range<Int>], lags: [AxisLags.Lag], members: [(left: Int, right: Int)],
        columns: [(left: Int, right: Int, lag: AxisLags.Lag)]
    ) {
        let phases = (left: columns[0].lag.left, right: columns[0].lag.right)
        for shifts in runs(Set(columns.map(\.lag.shift)).sorted()) {
            let whole = append(cell, lags: lags, phases: phases, column: nil, shifts: shifts)
            for shift in shifts {
                let pairs = columns.filter { $0.lag.shift == shift }
                let all = last.all(pairs[0].lag)
                var known: [Int: LineProducts.Product] = [:]
                for pair in pairs {
                    let read = last.pixels(pair.left, pair.right)
                    for member in members {
                        append(whole, shift: shift, sign: 1, for: member, pair)
                    }
                    for column in all where !read.contains(column) {
                        let product =
                            known[column]
                            ?? append(cell, lags: lags, phases: phases, column: column, shifts: shift..<(shift + 1))
                        known[column] = product
                        for member in members { append(product, shift: shift, sign: -1, for: member, pair) }
                    }
                }
            }
        }
    }

    private mutating func append(
        _ product: LineProducts.Product, shift: Int, sign: Int, for member: (left: Int, right: Int),
        _ pair: (left: Int, right: Int, lag: AxisLags.Lag)
    ) {
        let count = last.elements.count
        terms.append(
            .init(
                left: member.left * count + pair.left, right: member.right * count + pair.right, product: product,
                shift: shift, sign: sign))
    }

    /// Lists one product: several, added up, where a cell's lines are not neighbours.
    private mutating func append(
        _ cell: [Range<Int>], lags: [AxisLags.Lag], phases: (left: Int, right: Int), column: Int?, shifts: Range<Int>
    ) -> LineProducts.Product {
        let slot = slotCount
        slotCount += shifts.count
        var first: LineProducts.Product?
        let lineCount = cell.last?.count ?? 1
        for start in LineOrder.tuples(cell.dropLast().map(\.count)) {
            let offsets = start + (cell.isEmpty ? [] : [0])
            let indices = zip(cell, offsets).map { $0.lowerBound + $1 }
            let left = lines.number(phases: lags.map(\.left) + [phases.left], indices: indices)
            let right = lines.number(
                phases: lags.map(\.right) + [phases.right], indices: zip(indices, lags).map { $0 + $1.shift })
            let product = LineProducts.Product(
                left: left..<(left + lineCount), right: right, column: column, shifts: shifts, slot: slot)
            products.append(product)
            first = first ?? product
        }
        return first!
    }

    /// Neighbouring numbers taken together.
    private func runs(_ numbers: [Int]) -> [Range<Int>] {
        numbers.reduce(into: []) { runs, number in
            if let run = runs.last, run.upperBound == number {
                runs[runs.count - 1] = run.lowerBound..<(number + 1)
            } else {
                runs.append(number..<(number + 1))
            }
        }
    }
}
