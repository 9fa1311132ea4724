import TestSupport
import Testing
import Torch

/// How often graphs take weights in: what tells whether a layer's calls are all that uses its weight.
@Suite("Uses of weights in graphs")
struct GraphUseTests {
    /// A layer of one weight on an input.
    enum Layer: CaseIterable {
        case linear, linearWithBias, linearOfSequences, linearOfSequencesWithBias, linearOfStridedRows
        case product, productWithTransposed, batchedProductWithTransposed
        case convolution, convolutionOfSequences, transposedConvolution
        case scale, scaleAndShift, scaleOfAnotherAxis

        var weight: Tensor {
            let shape =
                switch self {
                case .product: [4, 3]
                case .convolution: [3, 4, 2, 2]
                case .convolutionOfSequences: [3, 4, 2]
                case .transposedConvolution: [4, 3, 2]
                case .scale, .scaleAndShift: [4]
                case .scaleOfAnotherAxis: [2]
                default: [3, 4]
                }
            return randomTensor(shape, seed: 1).requiringGradient()
        }

        var input: Tensor {
            let shape =
                switch self {
                case .linearOfSequences, .linearOfSequencesWithBias, .batchedProductWithTransposed: [2, 5, 4]
                case .convolution: [2, 4, 5, 5]
                case .convolutionOfSequences, .transposedConvolution: [2, 4, 5]
                case .scaleOfAnotherAxis: [5, 2, 4]
                case .linearOfStridedRows: [5, 2, 4]
                default: [5, 4]
                }
            return randomTensor(shape, seed: 2).requiringGradient()
        }

        func output(_ x: Tensor, _ weight: Tensor) -> Tensor {
            let bias = Tensor.ones([3], dtype: .float64)
            return switch self {
            case .linear, .linearOfSequences: Torch.linear(x, weight: weight)
            case .linearWithBias, .linearOfSequencesWithBias: Torch.linear(x, weight: weight, bias: bias)
            case .linearOfStridedRows: Torch.linear(x.transposed(0, 1), weight: weight, bias: bias)
            case .product: x.matmul(weight)
            case .productWithTransposed, .batchedProductWithTransposed: x.matmul(weight.transposed())
            case .convolution, .convolutionOfSequences: Torch.convolution(x, weight: weight, bias: bias)
            case .transposedConvolution:
                Torch.convolution(
                    x, weight: weight, geometry: ConvolutionGeometry(kernel: [2], stride: [2], isTransposed: true))
            case .scale: Torch.scaleAndShift(x, scale: weight)
            case .scaleAndShift: Torch.scaleAndShift(x, scale: weight, shift: Tensor.ones([4], dtype: .float64))
            case .scaleOfAnotherAxis: Torch.scaleAndShift(x, scale: weight, axes: [1])
            }
        }
    }

    @Test(arguments: Layer.allCases) func ofALayer(_ layer: Layer) {
        let (x, weight) = (layer.input, layer.weight)
        let u = layer.output(x, weight)
        #expect(graphUses(of: [weight], in: [u]) == [1])
        #expect(graphUses(of: [weight], in: [u.tanh(), u]) == [1])
        #expect(graphUses(of: [weight], in: [u, layer.output(x, weight)]) == [2])
    }

    /// The pass back takes the weight in again, and takes it from what the pass forward kept.
    @Test(arguments: Layer.allCases) func ofALayersDerivative(_ layer: Layer) {
        let (x, weight) = (layer.input, layer.weight)
        let linear = layer.output(x, weight)
        let slope = gradients(of: linear.sum(), withRespectTo: [x], keepingGraph: true, differentiable: true)[0]
        #expect(graphUses(of: [weight, linear], in: [slope]) == [1, 0])
        let u = linear.tanh()
        let first = gradients(of: u.sum(), withRespectTo: [x], differentiable: true)[0]
        #expect(graphUses(of: [weight], in: [u]) == [1])
        #expect(graphUses(of: [weight], in: [first]) == [2])
        #expect(graphUses(of: [weight], in: [u, first]) == [2])
        let second = gradients(of: first.sum(), withRespectTo: [x], differentiable: true)[0]
        #expect(graphUses(of: [weight], in: [second])[0] > 2)
    }

    @Test func ofAnEmbedding() {
        let table = randomTensor([7, 4], seed: 1).requiringGradient()
        let weight = randomTensor([3, 4], seed: 2).requiringGradient()
        let rows = embedding(Tensor([1, 2, 1]), weight: table)
        let u = linear(rows, weight: weight).tanh()
        #expect(graphUses(of: [table, weight], in: [u]) == [1, 1])
        let slope = gradients(of: u.sum(), withRespectTo: [rows], differentiable: true)[0]
        #expect(graphUses(of: [table, weight], in: [slope]) == [1, 2])
        #expect(graphUses(of: [table], in: [u, rows.matmul(table.transposed())]) == [2])
    }

    /// Each is a view (or copy) that two operations share.
    @Test func ofViewsThatAreShared() {
        let weight = randomTensor([3, 3], seed: 1).requiringGradient()
        let x = randomTensor([5, 3], seed: 2)
        let views: [(Tensor) -> Tensor] = [
            { $0.transposed() }, { $0.permuted([1, 0]) }, { $0.reshaped([9]).reshaped([3, 3]) },
            { $0.expanded(at: 0).squeezed(at: 0) }, { $0.broadcast(to: [2, 3, 3])[0] }, { $0[.all, 0..<2] },
            { $0.copy() }, { $0.transposed().reshaped([3, 3]) }, { $0.transposed().transposed() }, { $0 },
        ]
        for view in views {
            let own = view(weight)
            #expect(graphUses(of: [weight, own], in: [x.matmul(own), x.matmul(own).tanh()]) == [2, 2])
            #expect(graphUses(of: [weight, own], in: [own]) == [1, 1])
            #expect(graphUses(of: [weight, own], in: [own, x.matmul(own)]) == [2, 2])
            // What nothing takes in is no use.
            _ = view(own)
            #expect(graphUses(of: [weight, own], in: [x.matmul(own)]) == [1, 1])
        }
        let doubled = weight * 2
        #expect(graphUses(of: [weight, doubled], in: [x.matmul(doubled), x.matmul(doubled)]) == [1, 2])
    }
}
