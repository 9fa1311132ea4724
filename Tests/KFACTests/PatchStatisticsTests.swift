import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Second moments of patches: every form against the definition, element by element.
@Suite struct PatchStatisticsTests {
    /// Σ p pᵀ over all patches, cut one at a time.
    static func definition(_ input: Tensor, _ geometry: ConvolutionGeometry, hasBias: Bool) -> (Tensor, Int) {
        let rank = geometry.spatialRank
        let padded = input.padded(geometry.padding.reversed().map { ($0, $0) })
        let locations = geometry.outputShape(for: Array(input.shape.dropFirst(2)))
        var vectors: [Tensor] = []
        for flat in 0..<locations.reduce(1, *) {
            var rest = flat
            var indices: [any TensorIndexing] = [TensorIndex.all, TensorIndex.all]
            for axis in (0..<rank).reversed() {
                let start = rest % locations[axis] * geometry.stride[axis]
                rest /= locations[axis]
                let reach = geometry.dilation[axis] * (geometry.kernel[axis] - 1) + 1
                indices.insert(
                    TensorIndex.slice(start: start, end: start + reach, step: geometry.dilation[axis]), at: 2)
            }
            var patch = padded
            for (axis, index) in indices.enumerated().dropFirst(2) {
                guard case .slice(let start, let end, let step) = index.tensorIndex else { continue }
                var whole: [any TensorIndexing] = Array(repeating: TensorIndex.all, count: axis)
                whole.append(TensorIndex.slice(start: start, end: end, step: step))
                patch = pick(patch, whole)
            }
            let rows = patch.flattened(from: 1)
            vectors.append(
                hasBias
                    ? Tensor.concatenate([rows, Tensor.ones([rows.shape[0], 1], dtype: rows.dtype)], axis: 1) : rows)
        }
        let all = Tensor.concatenate(vectors)
        return (all.transposed().matmul(all), all.shape[0])
    }

    /// A subscript with a list made at run time.
    private static func pick(_ x: Tensor, _ indices: [any TensorIndexing]) -> Tensor {
        switch indices.count {
        case 3: x[indices[0], indices[1], indices[2]]
        case 4: x[indices[0], indices[1], indices[2], indices[3]]
        default: x[indices[0], indices[1], indices[2], indices[3], indices[4]]
        }
    }

    /// A geometry and an input that fits, drawn from a seed.
    static func randomCase(_ seed: Int, rank: Int) -> (Tensor, ConvolutionGeometry, Bool) {
        var random = SplitMix(state: UInt64(seed))
        while true {
            let kernel = (0..<rank).map { _ in Int.random(in: 1...4, using: &random) }
            let geometry = ConvolutionGeometry(
                kernel: kernel, stride: kernel.map { _ in Int.random(in: 1...3, using: &random) == 3 ? 2 : 1 },
                padding: kernel.map { Int.random(in: 0...$0, using: &random) },
                dilation: kernel.map { _ in Int.random(in: 1...4, using: &random) == 4 ? 2 : 1 })
            let spatial = kernel.map { _ in Int.random(in: 1...6, using: &random) }
            let fits = zip(spatial, kernel.indices).allSatisfy { extent, axis in
                extent + 2 * geometry.padding[axis] > geometry.dilation[axis] * (kernel[axis] - 1)
            }
            guard fits else { continue }
            let shape = [Int.random(in: 1...3, using: &random), Int.random(in: 1...3, using: &random)] + spatial
            return (randomTensor(shape, seed: UInt64(seed)), geometry, Bool.random(using: &random))
        }
    }

    @Test(arguments: [1, 2, 3]) func allFormsAgreeWithTheDefinition(rank: Int) {
        for seed in 0..<400 {
            let (input, geometry, hasBias) = Self.randomCase(seed, rank: rank)
            let (expected, count) = Self.definition(input, geometry, hasBias: hasBias)
            var moments: [(String, any SecondMoment, StatisticsForm)] = StatisticsForm.allCases.map { form in
                (
                    "\(form)", Patches.moment(of: input, geometry: geometry, hasBias: hasBias, form: form), form
                )
            }
            for window in [2, 5] {
                let plan = LagPlan(
                    spatial: Array(input.shape.dropFirst(2)), geometry: geometry, edges: .windows(window))
                let moment = LaggedMoment(images: input, plan: plan, geometry: geometry, hasBias: hasBias)
                moments.append(("windows of \(window)", moment, .windowedLags))
            }
            if geometry.stride[0] == 1 {
                moments.append(
                    ("lines", LaggedPatches(input: input, geometry: geometry, hasBias: hasBias), .automatic))
            }
            let noise = randomTensor(expected.shape, seed: 7)
            let start = noise + noise.transposed()
            for (name, moment, form) in moments {
                let target = start.copy()
                moment.accumulate(into: target, keep: 0.3, scale: 0.5, form: form)
                #expect(moment.count == count)
                expectClose(
                    target, start * 0.3 + expected * 0.5, relative: 1e-10, absolute: 1e-10,
                    "\(name) of \(input.shape), \(geometry), bias \(hasBias)")
            }
        }
    }

    /// Groups, and inputs that lie in memory in other ways than their shape says.
    @Test(arguments: StatisticsForm.allCases) func groupsAndStrides(form: StatisticsForm) {
        for (number, groups) in [1, 2, 3, 6].enumerated() {
            let geometry = ConvolutionGeometry(
                kernel: [3, 2], stride: [1, 2], padding: [1, 0], dilation: [1, 2], groups: groups)
            let dense = randomTensor([5, 6, 7, 8], seed: UInt64(number))
            let n = 36 / groups + 1
            let shape = groups == 1 ? [n, n] : [groups, n, n]
            let expected = Tensor.zeros(shape, dtype: .float64)
            Patches.rows(of: dense, geometry: geometry, hasBias: true)
                .accumulate(into: expected, keep: 0, scale: 1, form: .plain)
            let wide = randomTensor([5, 6, 7, 16])
            wide[.all, .all, .all, .every(2)].assign(dense)
            let layouts = [
                dense, dense.permuted(0, 2, 3, 1).copy().permuted(0, 3, 1, 2),
                dense.permuted(3, 2, 1, 0).copy().permuted(3, 2, 1, 0), wide[.all, .all, .all, .every(2)],
            ]
            for input in layouts {
                let target = Tensor.zeros(shape, dtype: .float64)
                Patches.moment(of: input, geometry: geometry, hasBias: true, form: form)
                    .accumulate(into: target, keep: 0, scale: 1, form: form)
                expectClose(
                    target, expected, relative: 1e-12, absolute: 1e-12, "\(groups) groups, strides \(input.strides)")
            }
        }
    }

    /// Many images and channels: several shares, chunks and tiles.
    @Test(arguments: [(40, 130, 5), (300, 20, 9), (1000, 2, 12), (3, 64, 40)])
    func largeInputs(batch: Int, channels: Int, extent: Int) {
        let geometry = ConvolutionGeometry(kernel: [3, 3], padding: [1])
        let input = randomTensor([batch, channels, extent, extent]).to(.float32)
        let n = 9 * channels + 1
        let expected = Tensor.zeros([n, n], dtype: .float64)
        Patches.rows(of: input.to(.float64), geometry: geometry, hasBias: true)
            .accumulate(into: expected, keep: 0, scale: 1 / Double(batch), form: .plain)
        for form in StatisticsForm.allCases {
            let target = Tensor.zeros([n, n])
            Patches.moment(of: input, geometry: geometry, hasBias: true, form: form)
                .accumulate(into: target, keep: 0, scale: 1 / Double(batch), form: form)
            let scale = expected.abs().max().scalar
            expectClose(target.to(.float64), expected, relative: 0, absolute: 2e-6 * scale, "\(form)")
            #expect((target - target.transposed()).abs().max().scalar <= 1e-6 * scale)
        }
    }

    /// Pixels of very different sizes: the error stays within the rounding of the largest sum.
    @Test(arguments: StatisticsForm.allCases) func adversarialScales(form: StatisticsForm) {
        let geometry = ConvolutionGeometry(kernel: [3, 3], padding: [1])
        for seed in 0..<20 {
            let exponents = randomTensor([8, 4, 6, 6], seed: UInt64(100 + seed), in: -12..<12)
            let input = (randomTensor([8, 4, 6, 6], seed: UInt64(seed)) * (exponents * 2.302585).exp()).to(.float32)
            let exact = Tensor.zeros([36, 36], dtype: .float64)
            Patches.rows(of: input.to(.float64), geometry: geometry, hasBias: false)
                .accumulate(into: exact, keep: 0, scale: 1, form: .plain)
            let target = Tensor.zeros([36, 36])
            Patches.moment(of: input, geometry: geometry, hasBias: false, form: form)
                .accumulate(into: target, keep: 0, scale: 1, form: form)
            // Of an element's terms the largest are at most the geometric mean of the channels' own sums.
            let sums = input.to(.float64).squared().sum(axes: [0, 2, 3]).squareRoot()
            let bound = sums.expanded(at: 1).broadcast(to: [4, 9]).flattened()
            let error = (target.to(.float64) - exact).abs() / (bound.expanded(at: 0) * bound.expanded(at: 1))
            #expect(error.max().scalar < 4 * 1.2e-7 * 17, "\(form): \(error.max().scalar)")
        }
    }

    @Test func infinitiesAndNaNsAreNotLost() {
        let geometry = ConvolutionGeometry(kernel: [3, 3], padding: [1])
        for form in StatisticsForm.allCases {
            for poison in [Double.nan, .infinity] {
                let input = randomTensor([2, 3, 5, 5])
                input[1, 2, 3, 4].fill(poison)
                let target = Tensor.zeros([27, 27], dtype: .float64)
                Patches.moment(of: input, geometry: geometry, hasBias: false, form: form)
                    .accumulate(into: target, keep: 0, scale: 1, form: form)
                #expect(!target.isFinite().all(), "\(form)")
            }
        }
    }
}

/// Second moments of vectors in memory.
@Suite struct SymmetricProductTests {
    @Test(arguments: [DType.float32, .float64]) func agreesWithTheGeneralProduct(dtype: DType) {
        var random = SplitMix(state: 5)
        for seed in 0..<300 {
            let groups = Int.random(in: 1...4, using: &random)
            let n = Int.random(in: 1...70, using: &random)
            let shape = [Int.random(in: 1...9, using: &random), groups * n, Int.random(in: 1...60, using: &random)]
            let vectors = randomTensor(shape, seed: UInt64(seed)).to(dtype)
            let layouts = [vectors, vectors.permuted(2, 0, 1).copy().permuted(1, 2, 0)]
            let noise = randomTensor([groups, n, n], seed: 3).to(dtype)
            let start = noise + noise.transposed()
            for layout in layouts {
                let plain = start.copy()
                let fast = start.copy()
                let rows = Rows(vectors: layout, groups: groups)
                rows.accumulate(into: plain, keep: 0.3, scale: 0.5, form: .plain)
                rows.accumulate(into: fast, keep: 0.3, scale: 0.5, form: .automatic)
                let tolerance = dtype == .float64 ? 1e-11 : 1e-4
                expectClose(fast, plain, relative: tolerance, absolute: tolerance, "\(shape) in \(groups) groups")
            }
        }
    }

    /// Several tiles and shares, none of which may touch what another one writes.
    @Test(arguments: [(2000, 300), (70, 700), (5000, 40), (1, 1200), (600, 1300), (6000, 1100)])
    func largeMatrices(count: Int, n: Int) {
        let rows = Rows.last(of: randomTensor([count, n]), hasBias: true)
        let noise = randomTensor([n + 1, n + 1], seed: 3)
        let plain = noise + noise.transposed()
        let fast = plain.copy()
        rows.accumulate(into: plain, keep: 0.6, scale: 0.5, form: .plain)
        rows.accumulate(into: fast, keep: 0.6, scale: 0.5, form: .automatic)
        expectClose(fast, plain, relative: 1e-11, absolute: 1e-11)
        #expect((fast .== fast.transposed()).all())
    }
}

/// The choice among forms.
@Suite struct FormChoiceTests {
    @Test func ratesAreInterpolated() {
        let model = CostModel.nominal
        #expect(abs(model.rate(rows: 16, columns: 48) / 82e9 - 1) < 1e-9)
        #expect(abs(model.rate(rows: 1000, columns: 100_000) / 84e9 - 1) < 1e-9)
        #expect(abs(model.rate(rows: 1, columns: 1) / 1e9 - 1) < 1e-9)
        let between = model.rate(rows: 23, columns: 48)
        #expect(between > 78e9 && between < 82e9)
    }

    @Test func measuredRatesArePositiveAndGrow() {
        let model = CostModel.measure()
        #expect(model.rates.joined().allSatisfy { $0 > 0 && $0.isFinite })
        #expect(model.rate(rows: 128, columns: 384) > model.rate(rows: 1, columns: 4))
    }

    @Test func theCheapestFormIsChosenAndExplained() {
        let geometry = ConvolutionGeometry(kernel: [3, 3], padding: [1])
        for shape in [[256, 64, 28, 28], [64, 256, 14, 14], [32, 512, 7, 7], [128, 1, 28, 28]] {
            let choice = FormChoice(shape: shape, geometry: geometry, model: .nominal)
            #expect(choice.chosen.seconds == choice.candidates.map(\.seconds).min())
            #expect(choice.description.contains("kernel [3, 3]") && choice.description.contains("symmetric patches"))
        }
        // Patches of many channels cost nine times as much as their image.
        #expect(FormChoice(shape: [64, 256, 14, 14], geometry: geometry, model: .nominal).form != .patches)
    }

    @Test func chanceDoesNotDecide() {
        let geometry = ConvolutionGeometry(kernel: [3, 3], padding: [1])
        let shape = [256, 64, 14, 14]
        let nominal = FormChoice(shape: shape, geometry: geometry, model: .nominal)
        for seed in 0..<50 {
            var random = SplitMix(state: UInt64(seed))
            var model = CostModel.nominal
            model.rates = model.rates.map { $0.map { $0 * Double.random(in: 0.95...1.05, using: &random) } }
            #expect(FormChoice(shape: shape, geometry: geometry, model: model).form == nominal.form)
        }
    }
}
