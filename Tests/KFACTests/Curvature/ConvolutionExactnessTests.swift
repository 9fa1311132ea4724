import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A convolution with a Gaussian loss at each location: patches and output gradients are independent.
@Suite struct ConvolutionExactnessTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let spatial: [Int]
        let geometry: ConvolutionGeometry

        init(_ spatial: [Int], _ geometry: ConvolutionGeometry) {
            self.spatial = spatial
            self.geometry = geometry
        }

        var testDescription: String {
            "\(spatial) kernel \(geometry.kernel) stride \(geometry.stride) padding \(geometry.padding) "
                + "dilation \(geometry.dilation)"
        }
    }

    static let cases = [
        Case([6], ConvolutionGeometry(kernel: [3])),
        Case([7], ConvolutionGeometry(kernel: [3], stride: [2], padding: [1])),
        Case([7], ConvolutionGeometry(kernel: [2], padding: [2], dilation: [3])),
        Case([4, 3], ConvolutionGeometry(kernel: [3, 3], padding: [1])),
        Case([5, 6], ConvolutionGeometry(kernel: [2, 3], stride: [2, 1], padding: [0, 2])),
        Case([5, 5], ConvolutionGeometry(kernel: [3, 2], stride: [1, 2], padding: [2, 1], dilation: [2, 1])),
        Case([3, 4], ConvolutionGeometry(kernel: [1, 1])),
        Case([4, 4], ConvolutionGeometry(kernel: [1, 1], stride: [2], padding: [1])),
        Case([3, 2, 3], ConvolutionGeometry(kernel: [2, 2, 2], stride: [1, 1, 2], padding: [1, 0, 1])),
        Case(
            [3, 4, 3],
            ConvolutionGeometry(kernel: [2, 1, 2], stride: [2, 2, 1], padding: [1, 1, 0], dilation: [1, 1, 2])),
    ]

    @Test(arguments: cases, [true, false]) func gaussianConvolution(case: Case, hasBias: Bool) throws {
        let geometry = `case`.geometry
        let layer = TestLayer([2, 2] + geometry.kernel, hasBias: hasBias, seed: 1)
        let probe = try CurvatureProbe(layer.named("layer")) {
            let x = randomTensor([3, 2] + `case`.spatial, seed: 2)
            let mean = convolution(x, weight: layer.weight, bias: layer.bias, geometry: geometry)
            return Loss(Normal(mean: mean, variance: 0.7), targets: randomTensor(mean.shape, seed: 3))
        }
        expectClose(
            try probe[0].denseMatrix(), DenseFisher.block(of: probe.loss, layer.parameters), relative: 1e-10,
            absolute: 1e-13)
    }

    /// A linear layer at each location behind the convolution: both remain exact, and meet in one network.
    @Test func linearNetworkOfConvolutions() throws {
        let first = TestLayer([3, 2, 3, 3], seed: 1)
        let second = TestLayer([2, 3, 1, 1], seed: 2)
        let third = TestLayer([2, 2], seed: 3)
        let probe = try CurvatureProbe(first.named("first") + second.named("second") + third.named("third")) {
            let x = randomTensor([3, 2, 4, 3], seed: 4)
            let hidden = convolution(x, weight: first.weight, bias: first.bias, padding: [1])
            let maps = convolution(hidden, weight: second.weight, bias: second.bias)
            let mean = third(maps.permuted(0, 2, 3, 1))
            return Loss(Normal(mean: mean, variance: 2), targets: randomTensor(mean.shape, seed: 5))
        }
        for (index, layer) in [first, second, third].enumerated() {
            expectClose(
                try probe[index].denseMatrix(), DenseFisher.block(of: probe.loss, layer.parameters),
                relative: 1e-10, absolute: 1e-13, "layer \(index)")
        }
    }

    /// With overlapping patches of a second convolution, locations mix: KFC's assumption fails, and must be seen to.
    @Test func overlappingConvolutionsAreApproximated() throws {
        let first = TestLayer([2, 2, 3, 3], seed: 1)
        let second = TestLayer([2, 2, 3, 3], seed: 2)
        let probe = try CurvatureProbe(first.named("first") + second.named("second")) {
            let hidden = convolution(
                randomTensor([3, 2, 4, 4], seed: 4), weight: first.weight, bias: first.bias, padding: [1])
            let mean = convolution(hidden, weight: second.weight, bias: second.bias, padding: [1])
            return Loss(Normal(mean: mean), targets: randomTensor(mean.shape, seed: 5))
        }
        let exact = DenseFisher.block(of: probe.loss, first.parameters)
        #expect(try ((probe[0].denseMatrix() - exact).norm() / exact.norm()).scalar > 0.05)
        expectClose(
            try probe[1].denseMatrix(), DenseFisher.block(of: probe.loss, second.parameters), relative: 1e-10,
            absolute: 1e-13)
    }

    /// One kernel, used with two strides and dilations: each use has the patches of its own geometry.
    @Test func sharedKernelOfDifferentGeometries() throws {
        let layer = TestLayer([2, 2, 2, 3], seed: 1)
        let x = randomTensor([3, 2, 5, 6], seed: 2)
        let geometries = [
            ConvolutionGeometry(kernel: [2, 3], padding: [1]),
            ConvolutionGeometry(kernel: [2, 3], stride: [2, 1], dilation: [1, 2]),
        ]
        let probe = try CurvatureProbe(layer.named("layer"), estimation: .empirical) {
            let means = geometries.map {
                convolution(x, weight: layer.weight, bias: layer.bias, geometry: $0).flattened(from: 1)
            }
            let mean = Tensor.concatenate(means, axis: 1)
            return Loss(Normal(mean: mean), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
        #expect(probe.count == 1)
        var patches = Tensor.zeros([13, 13], dtype: .float64)
        var outputs = Tensor.zeros([2, 2], dtype: .float64)
        var locations = 0
        for geometry in geometries {
            let (moment, count) = PatchStatisticsTests.definition(x, geometry, hasBias: true)
            patches += moment
            locations += count
            let errors = withoutGradients {
                convolution(x, weight: layer.weight, bias: layer.bias, geometry: geometry)
            }
            outputs += secondMoment(errors.permuted(0, 2, 3, 1).reshaped([-1, 2]))
        }
        let count = Double(locations)
        expectClose(
            try probe[0].denseMatrix(), kronecker(outputs / count, patches / count) * (count / 3), relative: 1e-10,
            absolute: 1e-13)
    }
}
