import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Symmetric products, by each kernel and by the library's products, against the general product.
@Suite struct PanelKernelTests {
    /// How vectors lie in memory.
    enum Layout: CaseIterable {
        case rows, wideRows, columns, images, strided

        /// [batch, groups · n, locations], of the values of a tensor in this shape.
        func arrange(_ vectors: Tensor) -> Tensor {
            let (batch, n, locations) = (vectors.shape[0], vectors.shape[1], vectors.shape[2])
            func inside(_ shape: [Int], _ view: (Tensor) -> Tensor) -> Tensor {
                let result = view(Tensor.full(shape, .nan, dtype: vectors.dtype))
                result.assign(vectors)
                return result
            }
            return switch self {
            case .rows: inside([batch, locations, n]) { $0.transposed(1, 2) }
            case .wideRows: inside([batch, locations, n + 3]) { $0[.all, .all, 1..<(n + 1)].transposed(1, 2) }
            case .columns: inside([n, batch, locations]) { $0.transposed(0, 1) }
            case .images: inside([batch, n, locations]) { $0 }
            case .strided:
                inside([batch, n, 2 * locations]) {
                    $0[.all, .all, TensorIndex.slice(start: 0, end: 2 * locations, step: 2)]
                }
            }
        }
    }

    @Test(arguments: [0, 32, 64], [DType.float32, .float64])
    func areTheGeneralProduct(registerBytes: Int, dtype: DType) {
        // One and several panels, with and without a rest; few vectors and many, one piece and several.
        let sizes = [1, 5, 8, 15, 16, 17, 33, 48, 49, 70, 97, 145]
        let counts = [1, 7, 255, 257, 700]
        var random = SplitMix(state: 11)
        for n in sizes {
            for (index, count) in counts.enumerated() {
                let layout = Layout.allCases[(index + n) % Layout.allCases.count]
                let groups = [1, 1, 1, 3].randomElement(using: &random)!
                let batch = [1, 2, 5].randomElement(using: &random)!
                let vectors = randomTensor(
                    [batch, groups * n, (count + batch - 1) / batch], seed: UInt64(100 * n + index)
                ).to(dtype)
                let noise = randomTensor([groups, n, n], seed: 7).to(dtype)
                let start = noise + noise.transposed(1, 2)
                let columns = vectors.to(.float64).transposed(0, 1).reshaped([groups, n, -1])
                let product = columns.matmul(columns.transposed(1, 2))
                let size = (columns * columns).sum(2).squareRoot()
                let (beta, alpha) = (n + index) % 2 == 0 ? (0.3, 0.5) : (0, 1.0)
                // The target is a part of something larger, the rest of which nothing may touch.
                let whole = Tensor.full([groups, n + 1, n + 2], 9, dtype: dtype)
                let target = whole[.all, 0..<n, 1..<(n + 1)]
                target.assign(beta == 0 ? start * Double.nan : start)
                target.formSum(
                    withSecondMomentOf: layout.arrange(vectors), beta: beta, alpha: alpha,
                    registerBytes: registerBytes)
                let expected = (beta == 0 ? start.to(.float64) * 0 : start.to(.float64) * beta) + product * alpha
                // Rounding is relative to the lengths of the two rows that are multiplied.
                let scale = size.expanded(at: 2) * size.expanded(at: 1) + 1
                let error = ((target.to(.float64) - expected) / scale).abs().max().scalar
                #expect(
                    error < (dtype == .float32 ? 2e-6 : 1e-14),
                    "n \(n), \(batch) x \(vectors.shape[2]), \(groups) groups, \(layout), beta \(beta): \(error)")
                #expect((target - target.transposed(1, 2)).abs().max().scalar == 0)
                let others = whole.sum().scalar - target.sum().scalar
                #expect(abs(others - 9 * Double(whole.count - target.count)) < 1e-2 * Double(whole.count))
            }
        }
    }

    /// The same bits every time, and with tiles of several panels.
    @Test(arguments: [0, 32, 64]) func largeResultsAreReproducible(registerBytes: Int) {
        let vectors = randomTensor([40, 1700, 1], seed: 3).to(.float32)
        func product(_ registerBytes: Int) -> Tensor {
            let target = Tensor.zeros([1, 1700, 1700], dtype: .float32)
            target.formSum(withSecondMomentOf: vectors, beta: 0, alpha: 1, registerBytes: registerBytes)
            return target
        }
        let first = product(registerBytes)
        #expect((first - product(registerBytes)).abs().max().scalar == 0)
        let columns = vectors[.all, .all, 0]
        expectClose(first[0], columns.transposed().matmul(columns), relative: 1e-5, absolute: 1e-4)
    }

    /// What is not finite stays with the elements that it takes part in.
    @Test(arguments: [0, 32, 64]) func whatIsNotFiniteStaysWhereItIs(registerBytes: Int) {
        let vectors = randomTensor([300, 50, 1], seed: 3).to(.float32)
        vectors[17, 20] = Tensor([Float.nan])
        let target = Tensor.zeros([1, 50, 50], dtype: .float32)
        target.formSum(withSecondMomentOf: vectors, beta: 0, alpha: 1, registerBytes: registerBytes)
        let wrong = (target[0] .!= target[0]).to(.float32)
        #expect(wrong.sum().scalar == 99)
        #expect(wrong[20].sum().scalar == 50)
    }

    /// The second moments of patches, with few channels and many, lines and windows, and strides.
    @Test(arguments: [0, 32, 64], [DType.float32, .float64])
    func secondMomentsOfPatches(registerBytes: Int, dtype: DType) {
        for (seed, channels) in [1, 5, 16, 17, 64, 130].enumerated() {
            let stride = 1 + seed % 2
            let geometry = ConvolutionGeometry(kernel: [3, 3], stride: [stride, 1], padding: [1, 1])
            let images = randomTensor([5, channels, 6, 11], seed: UInt64(seed)).to(dtype)
            let n = 9 * channels
            let expected = Tensor.zeros([n, n], dtype: .float64)
            Patches.rows(of: images.to(.float64), geometry: geometry, hasBias: false)
                .accumulate(into: expected, keep: 0, scale: 0.5, form: .plain)
            for edges in [LagPlan.Edges.divided, .windows(1), .windows(3)] {
                let plan = LagPlan(spatial: [6, 11], geometry: geometry, edges: edges)
                let target = Tensor.zeros([1, n, n], dtype: dtype)
                plan.products.accumulate(images, into: target, beta: 0, alpha: 0.5, registerBytes: registerBytes)
                expectClose(
                    target[0].to(.float64), expected, relative: dtype == .float32 ? 1e-4 : 1e-11,
                    absolute: dtype == .float32 ? 1e-3 : 1e-11, "\(channels) channels, \(edges), stride \(stride)")
            }
        }
    }
}
