import TestSupport
import Testing
import Torch

@testable import KFAC

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
            let moments: [any SecondMoment] =
                [
                    Patches.rows(of: input, geometry: geometry, hasBias: hasBias),
                    Patches.moment(of: input, geometry: geometry, hasBias: hasBias),
                ] + (geometry.stride[0] == 1 ? [LaggedPatches(input: input, geometry: geometry, hasBias: hasBias)] : [])
            for moment in moments {
                let start = randomTensor(expected.shape, seed: 7)
                let target = start.copy()
                moment.accumulate(into: target, keep: 0.3, scale: 0.5)
                #expect(moment.count == count)
                expectClose(
                    target, start * 0.3 + expected * 0.5, relative: 1e-10, absolute: 1e-10,
                    "\(type(of: moment)) of \(input.shape), \(geometry), bias \(hasBias)")
            }
        }
    }

    @Test func singlePrecisionIsAsGoodAsThePlainProduct() {
        let geometry = ConvolutionGeometry(kernel: [3, 3], padding: [1])
        let input = randomTensor([16, 8, 14, 14], in: 0..<1)
        func moment(_ input: Tensor, _ form: (Tensor) -> any SecondMoment) -> Tensor {
            let target = Tensor.zeros([73, 73], dtype: input.dtype)
            form(input).accumulate(into: target, keep: 0, scale: 1 / 3136)
            return target.to(.float64)
        }
        let exact = moment(input) { Patches.rows(of: $0, geometry: geometry, hasBias: true) }
        let fast = moment(input.to(.float32)) { LaggedPatches(input: $0, geometry: geometry, hasBias: true) }
        expectClose(fast, exact, relative: 1e-5, absolute: 1e-6)
    }
}

/// A small generator of test cases with a fixed sequence.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
