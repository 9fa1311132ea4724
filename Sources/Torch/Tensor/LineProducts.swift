import CTorch

/// Sums of products of the lines of images with shifted lines, and the blocks of a matrix that they make up: how the
/// second moments of a convolution's patches are formed without patches.
///
/// A line holds pixels along an image's last axis; all images' lines of one number lie one behind another while they
/// are worked on. Made once for each shape of images.
package struct LineProducts: Sendable {
    /// Every `step`th of an image's pixels along the last axis, `count` of them from `first` on, where the other
    /// spatial axes have the given positions; with positions for all axes, a line is one pixel.
    package struct Line: Sendable {
        package var positions: [Int]
        package var first: Int
        package var step: Int
        package var count: Int

        package init(positions: [Int], first: Int, step: Int, count: Int) {
            self.positions = positions
            self.first = first
            self.step = step
            self.count = count
        }
    }

    /// A sum over the lines `left` and as many lines after `right`, and over all images, of the products of a pixel
    /// with those `shifts` after it on the other line.
    package struct Product: Sendable {
        package var left: Range<Int>
        package var right: Int
        /// Only this pixel of each line; nil for all of them.
        package var column: Int?
        package var shifts: Range<Int>
        /// Where the result lies among those of all products, in units of channels²: products of one slot are added.
        package var slot: Int

        package init(left: Range<Int>, right: Int, column: Int?, shifts: Range<Int>, slot: Int) {
            self.left = left
            self.right = right
            self.column = column
            self.shifts = shifts
            self.slot = slot
        }
    }

    /// A product that is added to or subtracted from the block of the kernel elements `left` ≤ `right`.
    package struct Term: Sendable {
        package var left: Int
        package var right: Int
        package var product: Product
        package var shift: Int
        package var sign: Int

        package init(left: Int, right: Int, product: Product, shift: Int, sign: Int) {
            self.left = left
            self.right = right
            self.product = product
            self.shift = shift
            self.sign = sign
        }
    }

    /// Whether they can be computed on this device: on a CPU, with a library of linear algebra that can be called.
    package static func canRun(on device: Device) -> Bool { device == .cpu && ct_has_moments() }

    /// How many operations a second one thread makes of products [rows, many] × [many, columns] in single precision,
    /// while the others do the same; takes about a millisecond.
    package static func rate(rows: Int, columns: Int) -> Double {
        var rate = 0.0
        guard ct_product_rate(Int64(rows), Int64(columns), 512, &rate) == CT_OK else {
            fatalError("LineProducts.rate(rows: \(rows), columns: \(columns)): \(lastMessage())")
        }
        return rate
    }

    /// The products, in order.
    package let products: [Product]
    /// The number of pixels that are multiplied with others at a time.
    package let window: Int
    /// The number of pixels that each line takes.
    package let width: Int
    private let lines: [Line]
    private let terms: [Term]
    private let slotCount: Int
    private let kernelCount: Int

    /// Describes products.
    ///
    /// - Parameters:
    ///   - terms: Sorted by their blocks.
    ///   - slotCount: The number of results of one shift.
    ///   - window: The number of pixels that are multiplied with others at a time; more than 1 makes the matrices of
    ///     few channels larger.
    package init(
        lines: [Line], products: [Product], terms: [Term], slotCount: Int, kernelCount: Int, window: Int
    ) {
        self.lines = lines
        self.products = products
        self.terms = terms
        self.slotCount = slotCount
        self.kernelCount = kernelCount
        self.window = window
        let reach = products.map { max(abs($0.shifts.lowerBound), abs($0.shifts.upperBound - 1)) }.max() ?? 0
        let longest = lines.map(\.count).max() ?? 0
        width = (longest + reach + window - 1) / window * window
    }

    /// Writes beta · target + alpha · (the matrix of all blocks) into `target`.
    ///
    /// - Parameters:
    ///   - images: [batch, groups · channels, spatial...], with any strides; work is on a few of them at a time.
    ///   - target: [groups, n, n] with n = channels · kernel elements, in this order.
    ///   - registerBytes: How large registers may be used for it, where the processor has them: of 64 or 32 bytes; with
    ///     0 the linked library's products are.
    package func accumulate(
        _ images: Tensor, into target: Tensor, beta: Double, alpha: Double, registerBytes: Int = 64
    ) {
        guard fits(images, target) else {
            Tensor.trap(
                "LineProducts.accumulate", [images, target],
                "images that hold all lines and a target [groups, n, n] for \(kernelCount) kernel elements were expected"
            )
        }
        let groups = target.shape[0]
        let channels = images.shape[1] / groups
        let area = Int64(channels * channels)
        let strides = images.strides
        let places = lines.map { line in
            let positions = line.positions + [line.first]
            let start = zip(positions, strides.dropFirst(2)).reduce(0) { $0 + $1.0 * $1.1 }
            return ck_line(start: Int64(start), step: Int64(line.step), count: Int64(line.count))
        }
        let entries = products.map { product in
            ck_line_product(
                left_line: Int32(product.left.lowerBound), right_line: Int32(product.right),
                line_count: Int32(product.left.count), column: Int32(product.column ?? -1),
                shift: Int32(product.shifts.lowerBound), shift_count: Int32(product.shifts.count),
                slot: Int64(product.slot) * area)
        }
        let blocks = terms.map { term in
            ck_block_term(
                left: Int32(term.left), right: Int32(term.right), slot: Int64(term.product.slot) * area,
                step: Int64(term.product.shifts.count * channels),
                column: Int64((term.shift - term.product.shifts.lowerBound) * channels), sign: Double(term.sign))
        }
        places.withUnsafeBufferPointer { places in
            entries.withUnsafeBufferPointer { entries in
                blocks.withUnsafeBufferPointer { blocks in
                    let layout = ck_line_layout(
                        lines: places.baseAddress, line_count: places.count,
                        pixel_step: Int64(strides[strides.count - 1]), width: Int64(width), window: Int64(window),
                        least_shift: Int64(products.map(\.shifts.lowerBound).min() ?? 0),
                        greatest_shift: Int64(products.map { $0.shifts.upperBound - 1 }.max() ?? 0))
                    var plan = ck_patch_plan(
                        layout: layout, products: entries.baseAddress, product_count: entries.count,
                        result_count: Int64(slotCount) * area, kernel_count: Int64(kernelCount),
                        terms: blocks.baseAddress, term_count: blocks.count)
                    target.perform("patchMoments", with: images) {
                        ct_patch_moments($0, images.handle.pointer, &plan, beta, alpha, Int64(registerBytes))
                    }
                }
            }
        }
    }

    private func fits(_ images: Tensor, _ target: Tensor) -> Bool {
        let (image, matrix) = (images.shape, target.shape)
        guard image.count > 2, matrix.count == 3, matrix[0] > 0, image[1] % matrix[0] == 0 else { return false }
        let n = image[1] / matrix[0] * kernelCount
        let extents = image.dropFirst(2)
        return matrix[1] == n && matrix[2] == n
            && lines.allSatisfy { line in
                let (axes, last) = (line.positions.count, line.first + (line.count - 1) * line.step)
                let isPixel = axes == extents.count && line.first == 0 && line.count == 1
                let isWithin = axes == extents.count - 1 && line.first >= 0 && last < image[image.count - 1]
                return (isPixel || isWithin) && zip(line.positions, extents).allSatisfy { (0..<$1).contains($0) }
            }
    }
}

extension Tensor {
    /// Writes beta · self + alpha · Σ x xᵀ into this tensor's memory, at half the work of a general product.
    ///
    /// - Parameters:
    ///   - vectors: [batch, groups · n, locations], with any strides: a vector for each batch entry and location.
    ///   - self: [groups, n, n], symmetric.
    ///   - registerBytes: How large registers may be used for it, where the processor has them: of 64 or 32 bytes; with
    ///     0 it is made of the linked library's products.
    package func formSum(
        withSecondMomentOf vectors: Tensor, beta: Double, alpha: Double, registerBytes: Int = 64
    ) {
        perform("formSum(withSecondMomentOf:)", with: vectors) {
            ct_symmetric_product($0, vectors.handle.pointer, beta, alpha, Int64(registerBytes))
        }
    }
}
