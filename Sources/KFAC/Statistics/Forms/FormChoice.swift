import Foundation
public import Torch

/// Which form the statistics of a convolution's patches take, and why.
public struct FormChoice: Sendable, CustomStringConvertible {
    /// A form and what it should cost.
    public struct Candidate: Sendable {
        /// The form.
        public let form: StatisticsForm
        /// The expected seconds for one batch, on one thread.
        public let seconds: Double
        /// The number of pixels in a window, of windowed lags.
        let window: Int
    }

    /// The forms that could be used, the quickest first.
    public let candidates: [Candidate]
    /// The one that is used.
    public let chosen: Candidate
    /// What is computed, in words.
    private let task: String

    /// The form that is used.
    public var form: StatisticsForm { chosen.form }

    /// The chosen form and the expected times of all, in one line.
    public var description: String {
        let times = candidates.map { "\($0.form) \(String(format: "%.3g", $0.seconds * 1000)) ms" }
        return "\(task): \(form), as one thread should take \(times.joined(separator: ", "))"
    }

    /// Estimates the forms for images of some shape.
    ///
    /// Where the measured rates do not say that another form is faster by a quarter, the choice is that of the nominal
    /// rates: it should not depend on chance.
    ///
    /// - Parameters:
    ///   - shape: [batch, channels, spatial...].
    ///   - model: Rates of products and copies.
    public init(shape: [Int], geometry: ConvolutionGeometry, model: CostModel = .nominal) {
        let nominal = Self.candidates(shape: shape, geometry: geometry, model: .nominal)[0]
        candidates = Self.candidates(shape: shape, geometry: geometry, model: model)
        let expected = candidates.first { $0.form == nominal.form && $0.window == nominal.window }
        chosen = if let expected, expected.seconds < 1.25 * candidates[0].seconds { expected } else { candidates[0] }
        task = "input \(shape), kernel \(geometry.kernel), stride \(geometry.stride), padding \(geometry.padding)"
    }

    private static func candidates(
        shape: [Int], geometry: ConvolutionGeometry, model: CostModel
    ) -> [Candidate] {
        let channels = shape[1] / geometry.groups
        let spatial = Array(shape.dropFirst(2))
        let images = Double(shape[0] * geometry.groups)
        let pixels = Double(spatial.reduce(1, *))
        let locations = Double(geometry.outputShape(for: spatial).reduce(1, *))
        let n = geometry.kernel.reduce(channels, *)

        // Patches: written and read once, and nine sixteenths of a general product.
        let bytes = 4 * images * (pixels * Double(channels) + 2 * locations * Double(n))
        let product = 2 * images * locations * Double(n) * Double(n) * 9 / 16
        let patches = Candidate(
            form: .patches,
            seconds: bytes / model.copyRate + product / model.rate(rows: max(1, min(n / 8, 128)), columns: n), window: 1
        )

        let windows = Set([1, LagPlan.window(channels: channels), 2 * LagPlan.window(channels: channels)])
        let lags = [(StatisticsForm.lags, 1)] + windows.sorted().map { (.windowedLags, $0) }
        return
            ([patches]
            + lags.map { form, window in
                let plan = LagPlan(
                    spatial: spatial, geometry: geometry, edges: form == .lags ? .divided : .windows(window))
                let copies = 8 * images * pixels * Double(channels)
                let products = plan.products.products.reduce(0.0) {
                    $0 + seconds(of: $1, plan: plan.products, channels: channels, images: images, model: model)
                }
                return Candidate(form: form, seconds: copies / model.copyRate + products, window: window)
            })
            .sorted { $0.seconds < $1.seconds }
    }

    /// The time of one product over all images on one thread.
    private static func seconds(
        of product: LineProducts.Product, plan: LineProducts, channels: Int, images: Double, model: CostModel
    ) -> Double {
        let width = product.column == nil ? plan.width : 1
        let window = product.column == nil ? plan.window : 1
        let columns = (window - 1 + product.shifts.count) * channels
        let pixels = images * Double(product.left.count * width)
        let operations = 2 * pixels * Double(channels) * Double(columns)
        // A call has its cost, too: a chunk of images takes one for each product.
        return operations / model.rate(rows: window * channels, columns: columns) + 2e-7 * images / 8
    }
}
