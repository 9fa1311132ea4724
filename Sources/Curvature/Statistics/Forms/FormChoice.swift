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
        /// The plan of the computation; nil for patches.
        let plan: LagPlan?
    }

    /// The forms that could be used, the quickest first.
    public let candidates: [Candidate]
    /// The one that is used.
    public let chosen: Candidate
    /// The computation, in words.
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
        let work = Work(shape: shape, geometry: geometry)
        let expected = work.candidates(model: .nominal)
        let own = model == .nominal ? expected : work.candidates(model: model)
        // The same forms in another order.
        let usual = own.first { $0.number == expected[0].number }!
        candidates = own.map(\.candidate)
        chosen = usual.candidate.seconds < 1.25 * candidates[0].seconds ? usual.candidate : candidates[0]
        task = "input \(shape), kernel \(geometry.kernel), stride \(geometry.stride), padding \(geometry.padding)"
    }
}

/// The work of each form for one shape of images.
private struct Work {
    private let images, pixels, locations: Double
    private let channels, rowCount: Int
    private let lags: [(form: StatisticsForm, plan: LagPlan)]

    init(shape: [Int], geometry: ConvolutionGeometry) {
        let spatial = Array(shape.dropFirst(2))
        channels = shape[1] / geometry.groups
        images = Double(shape[0] * geometry.groups)
        pixels = Double(spatial.reduce(1, *))
        locations = Double(geometry.outputShape(for: spatial).reduce(1, *))
        rowCount = geometry.kernel.reduce(channels, *)
        let window = LagPlan.window(channels: channels)
        let windows: [LagPlan.Edges] = Set([1, window, 2 * window]).sorted().map { .windows($0) }
        lags = ([.divided] + windows).map { edges in
            let plan = LagPlan(spatial: spatial, geometry: geometry, edges: edges)
            return (edges == .divided ? .lags : .windowedLags, plan)
        }
    }

    /// The forms with their numbers, which do not depend on the model, the quickest first.
    func candidates(model: CostModel) -> [(number: Int, candidate: FormChoice.Candidate)] {
        let candidates =
            [FormChoice.Candidate(form: .patches, seconds: secondsByPatches(model), plan: nil)]
            + lags.map { .init(form: $0.form, seconds: seconds($0.plan, model), plan: $0.plan) }
        return candidates.enumerated().map { (number: $0, candidate: $1) }
            .sorted { ($0.candidate.seconds, $0.number) < ($1.candidate.seconds, $1.number) }
    }

    /// Patches are written and read once, and multiplied in nine sixteenths of a general product.
    private func secondsByPatches(_ model: CostModel) -> Double {
        let bytes = 4 * images * (pixels * Double(channels) + 2 * locations * Double(rowCount))
        let operations = 2 * images * locations * Double(rowCount) * Double(rowCount) * 9 / 16
        return bytes / model.copyRate + operations / model.rate(rows: max(1, min(rowCount / 8, 128)), columns: rowCount)
    }

    /// The time of a plan for all images on one thread.
    private func seconds(_ plan: LagPlan, _ model: CostModel) -> Double {
        let copies = 8 * images * pixels * Double(channels)
        return plan.products.products.reduce(copies / model.copyRate) {
            $0 + seconds(of: $1, plan: plan.products, model: model)
        }
    }

    private func seconds(of product: LineProducts.Product, plan: LineProducts, model: CostModel) -> Double {
        let width = product.column == nil ? plan.width : 1
        let window = product.column == nil ? plan.window : 1
        let columns = (window - 1 + product.shifts.count) * channels
        let pixels = images * Double(product.left.count * width)
        let operations = 2 * pixels * Double(channels) * Double(columns)
        // A call has its cost, too: a chunk of images takes one for each product.
        return operations / model.rate(rows: window * channels, columns: columns) + 2e-7 * images / 8
    }
}
