import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A block of every kind, with the statistics of a small network: what holds for all blocks is tested on these.
enum BlockCase: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case linear, linearWithoutBias, linearDiagonalInput, linearDiagonalOutput, linearBothDiagonal, linearReduce
    case severalUses, linearDiagonal
    case convolution, convolutionReduce, convolutionUncorrelated, convolutionDiagonal
    case grouped, groupedReduce, groupedDiagonal, depthwise
    case transposed, transposedGrouped, transposedReduce, transposedDiagonal
    case embedding, embeddingDiagonal
    case scaleAndShiftFull, scaleAndShiftDiagonal, scaleAndShiftUnitwise, scaleOnly
    case biasAlone, biasAloneDiagonal
    case genericDiagonal, genericFull

    var testDescription: String { rawValue }

    /// The choice that leads to the block.
    private var approximation: Approximation {
        switch self {
        case .linear, .linearWithoutBias, .severalUses, .convolution, .grouped, .depthwise, .transposed,
            .transposedGrouped, .embedding:
            .kronecker()
        case .linearDiagonalInput: .kronecker(input: .diagonal)
        case .linearDiagonalOutput, .embeddingDiagonal: .kronecker(output: .diagonal)
        case .linearBothDiagonal: .kronecker(input: .diagonal, output: .diagonal)
        case .linearReduce, .convolutionReduce, .groupedReduce, .transposedReduce: .kronecker(sharing: .reduce)
        case .convolutionUncorrelated: .uncorrelatedPixels
        case .linearDiagonal, .convolutionDiagonal, .groupedDiagonal, .transposedDiagonal, .scaleAndShiftDiagonal,
            .scaleOnly, .biasAloneDiagonal:
            .diagonal
        case .scaleAndShiftFull, .biasAlone: .full
        case .scaleAndShiftUnitwise: .unitwise
        case .genericDiagonal: .genericDiagonal
        case .genericFull: .genericFull
        }
    }

    private var geometry: ConvolutionGeometry {
        switch self {
        case .grouped, .groupedReduce, .groupedDiagonal, .depthwise:
            ConvolutionGeometry(kernel: [3, 2], stride: [2, 1], padding: [1, 0], groups: self == .depthwise ? 4 : 2)
        case .transposed, .transposedGrouped, .transposedReduce, .transposedDiagonal:
            ConvolutionGeometry(
                kernel: [2, 3], stride: [2, 1], padding: [1, 1], groups: self == .transposedGrouped ? 2 : 1,
                isTransposed: true, outputPadding: [1, 0])
        default: ConvolutionGeometry(kernel: [3, 2], stride: [1, 2], padding: [1])
        }
    }

    /// The layer's weight and, where there is one, its bias.
    func parameters() -> [NamedParameter] {
        func layer(_ shape: [Int], bias: Int?) -> [NamedParameter] {
            [NamedParameter("layer.weight", parameter(shape, seed: 1))]
                + (bias.map { [NamedParameter("layer.bias", parameter([$0], seed: 2))] } ?? [])
        }
        switch self {
        case .linearWithoutBias: return layer([3, 2], bias: nil)
        case .convolution, .convolutionReduce, .convolutionUncorrelated, .convolutionDiagonal:
            return layer([3, 2, 3, 2], bias: 3)
        case .grouped, .groupedReduce, .groupedDiagonal: return layer([6, 2, 3, 2], bias: 6)
        case .depthwise: return layer([8, 1, 3, 2], bias: 8)
        case .transposed, .transposedReduce: return layer([4, 3, 2, 3], bias: nil)
        case .transposedGrouped: return layer([4, 2, 2, 3], bias: nil)
        case .transposedDiagonal: return layer([4, 3, 2, 3], bias: 3)
        case .embedding, .embeddingDiagonal: return layer([5, 3], bias: nil)
        case .scaleAndShiftFull, .scaleAndShiftDiagonal, .scaleAndShiftUnitwise: return layer([4], bias: 4)
        case .scaleOnly: return layer([4], bias: nil)
        case .biasAlone, .biasAloneDiagonal: return [NamedParameter("layer.bias", parameter([3], seed: 2))]
        default: return layer([3, 2], bias: 3)
        }
    }

    /// The layer's output for fixed inputs, before any loss.
    func output(_ parameters: [NamedParameter]) -> Tensor {
        let (weight, bias) = (parameters[0].tensor, parameters.dropFirst().first?.tensor)
        let image = randomTensor([5, 4, 4, 5], seed: 7)
        switch self {
        case .linearReduce: return Torch.linear(randomTensor([5, 3, 2], seed: 7), weight: weight, bias: bias)
        case .severalUses:
            let outputs = (0..<3).map { Torch.linear(randomTensor([5, 2], seed: 7 + $0), weight: weight, bias: bias) }
            return Tensor.concatenate(outputs, axis: 1)
        case .convolution, .convolutionReduce, .convolutionUncorrelated, .convolutionDiagonal:
            return Torch.convolution(image[.all, 0..<2], weight: weight, bias: bias, geometry: geometry)
        case .grouped, .groupedReduce, .groupedDiagonal, .depthwise, .transposed, .transposedGrouped,
            .transposedReduce, .transposedDiagonal:
            return Torch.convolution(image, weight: weight, bias: bias, geometry: geometry)
        case .embedding, .embeddingDiagonal:
            return Torch.embedding(Tensor([0, 3, 3, 1, 4, 0, 2, 2, 2, 0], shape: [5, 2]), weight: weight)
        case .scaleAndShiftFull, .scaleAndShiftDiagonal, .scaleAndShiftUnitwise, .scaleOnly:
            return scaleAndShift(image, scale: weight, shift: bias, axes: [1])
        case .biasAlone, .biasAloneDiagonal:
            return Torch.linear(randomTensor([5, 4, 2], seed: 7), weight: randomTensor([3, 2], seed: 8), bias: weight)
        default: return Torch.linear(randomTensor([12, 2], seed: 7), weight: weight, bias: bias)
        }
    }

    /// What leads to the block.
    var choices: LayerChoices { LayerChoices(names: ["layer": approximation]) }

    /// The block after a batch with a Gaussian loss of the whole output.
    func probe(
        estimation: Estimation = .curvaturePropagation(draws: 40), settings: FactorSettings = FactorSettings(),
        _ loss: ((Tensor) -> Tensor)? = nil
    ) throws -> CurvatureProbe {
        let parameters = parameters()
        return try CurvatureProbe(
            parameters, estimation: estimation, choices: choices, settings: settings
        ) {
            let output = output(parameters)
            let mean = (loss ?? { $0.tanh() })(output)
            return Loss(Normal(mean: mean, variance: 0.6), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
    }
}
