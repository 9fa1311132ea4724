import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Convolution factors against patches that automatic differentiation cuts.
///
/// The gradient of a convolution's weight, when a single output has the gradient 1, *is* that output's patch; of a
/// transposed one, when a single input is 1, the patch of the output gradients there.
@Suite struct ConvolutionFactorOracleTests {
    /// Patches as rows, for each group: [groups, batch · locations, channels / groups · kernel].
    private func patches(_ layer: RandomConvolution, of x: Tensor) -> Tensor {
        let geometry = layer.geometry.forward
        let groups = geometry.groups
        let locations = geometry.outputShape(for: Array(x.shape.dropFirst(2)))
        let perGroup = x.shape[1] / groups
        let weight = Tensor.zeros([groups, perGroup] + geometry.kernel, dtype: .float64).requiringGradient()
        var rows: [Tensor] = []
        for example in 0..<x.shape[0] {
            let output = convolution(x[example...example], weight: weight, geometry: geometry).reshaped([groups, -1])
            for location in 0..<locations.reduce(1, *) {
                let gradient = gradients(
                    of: output[.all, location].sum(), withRespectTo: [weight], keepingGraph: true)[0]
                rows.append(gradient.reshaped([groups, 1, -1]))
            }
        }
        return Tensor.concatenate(rows, axis: 1)
    }

    /// The mean of the rows' outer products, for each group.
    private func moment(_ rows: Tensor) -> Tensor {
        let moments = rows.transposed().matmul(rows) / Double(rows.shape[1])
        return rows.shape[0] == 1 ? moments[0] : moments
    }

    /// The channels of each pixel, for each group.
    private func pixels(_ x: Tensor, groups: Int) -> Tensor {
        let last = x.permuted([0] + Array(2..<x.rank) + [1]).reshaped([-1, groups, x.shape[1] / groups])
        return last.permuted(1, 0, 2)
    }

    @Test(arguments: [true, false]) func inputSide(hasBias: Bool) {
        for seed in 0..<40 {
            let layer = RandomConvolution(seed: seed, isTransposed: false)
            let factor = ConvInputKroneckerFactor(
                channels: layer.inputs, geometry: layer.geometry, hasBias: hasBias, dtype: .float64)
            factor.update(inputs: [layer.input], decay: 0.9)
            let rows = patches(layer, of: layer.input)
            let expected = moment(hasBias ? rows.padded([(0, 1)], value: 1) : rows)
            expectClose(
                factor.covariance, expected, relative: 1e-10, absolute: 1e-12,
                "\(layer.geometry) of \(layer.input.shape), bias \(hasBias)")
            #expect(factor.dimension == layer.geometry.groups * factor.groupDimension)
        }
    }

    @Test func outputSide() {
        for seed in 0..<20 {
            let layer = RandomConvolution(seed: seed, isTransposed: false)
            let gradient = layer.outputGradient(seed: 3)
            let factor = ConvOutputKroneckerFactor(channels: layer.outputs, geometry: layer.geometry, dtype: .float64)
            factor.update(outputGradients: [gradient], decay: 0.9)
            let expected = moment(pixels(gradient, groups: layer.geometry.groups))
            expectClose(factor.covariance, expected, relative: 1e-10, absolute: 1e-12)
        }
    }

    /// Input and output change sides: pixels of the input, patches of the output gradients.
    @Test func transposedConvolutions() {
        for seed in 0..<40 {
            let layer = RandomConvolution(seed: seed, isTransposed: true)
            let gradient = layer.outputGradient(seed: 3)
            let outputs = ConvOutputKroneckerFactor(channels: layer.outputs, geometry: layer.geometry, dtype: .float64)
            outputs.update(outputGradients: [gradient], decay: 0.9)
            expectClose(
                outputs.covariance, moment(patches(layer, of: gradient)), relative: 1e-10, absolute: 1e-12,
                "\(layer.geometry) of \(gradient.shape)")
            let inputs = ConvInputKroneckerFactor(
                channels: layer.inputs, geometry: layer.geometry, hasBias: false, dtype: .float64)
            inputs.update(inputs: [layer.input], decay: 0.9)
            expectClose(
                inputs.covariance, moment(pixels(layer.input, groups: layer.geometry.groups)), relative: 1e-10,
                absolute: 1e-12)
        }
    }

    /// Of one example with one location, the Kronecker product is the outer product of the gradient with itself.
    @Test(arguments: [true, false], [1, 2, 4]) func productsAreExactAtOneLocation(isTransposed: Bool, groups: Int)
        throws
    {
        let geometry = ConvolutionGeometry(kernel: [3, 2], groups: groups, isTransposed: isTransposed)
        let (inputs, outputs) = (4, 8)
        let x = randomTensor([1, inputs] + (isTransposed ? [1, 1] : [3, 2]))
        let weight = randomTensor(
            (isTransposed ? [inputs, outputs / groups] : [outputs, inputs / groups]) + [3, 2], seed: 2)
        let ds = randomTensor(convolution(x, weight: weight, geometry: geometry).shape, seed: 3)
        let gradient = exampleGradients(uses: [(x, ds)], parameters: [weight]) {
            convolution($0, weight: $1[0], geometry: geometry)
        }.reshaped([groups, -1, 1])

        let inputFactor = ConvInputKroneckerFactor(
            channels: inputs, geometry: geometry, hasBias: false, dtype: .float64)
        inputFactor.update(inputs: [x], decay: 0.9)
        let outputFactor = ConvOutputKroneckerFactor(channels: outputs, geometry: geometry, dtype: .float64)
        outputFactor.update(outputGradients: [ds], decay: 0.9)
        // The weight's rows: outputs, or of a transposed convolution inputs.
        let rows: InverseProvidingFactor = isTransposed ? inputFactor : outputFactor
        let columns: InverseProvidingFactor = isTransposed ? outputFactor : inputFactor
        let product: any SymmetricOperator =
            groups == 1
            ? KroneckerOperator(rows.average, columns.average)
            : GroupedKroneckerOperator(
                try #require(rows.average as? GroupedOperator), try #require(columns.average as? GroupedOperator))
        let expected = GroupedOperator(blocks: gradient.matmul(gradient.transposed())).dense()
        expectClose(product.dense(), expected, relative: 1e-10, absolute: 1e-12)
    }

    @Test(arguments: [true, false]) func masksMultiplyThePatches(hasBias: Bool) {
        let input = randomTensor([2, 3, 5, 5])
        // Causal: the kernel's positions before the middle, in reading order; and any other numbers.
        let causal = Tensor([1.0, 1, 1, 1, 0, 0, 0, 0, 0], shape: [1, 3, 3])
        for (mask, geometry) in [
            (causal, ConvolutionGeometry(kernel: [3, 3], padding: [1])),
            (causal, ConvolutionGeometry(kernel: [3, 3], stride: [2], groups: 3)),
            (randomTensor([3, 3, 3]), ConvolutionGeometry(kernel: [3, 3], padding: [1], dilation: [2])),
        ] {
            let factor = ConvInputKroneckerFactor(
                channels: 3, geometry: geometry, hasBias: hasBias, patchMask: mask, dtype: .float64)
            factor.update(inputs: [input], decay: 0.9)
            factor.update(inputs: [input * 2], decay: 0.5)
            let plain = ConvInputKroneckerFactor(channels: 3, geometry: geometry, hasBias: hasBias, dtype: .float64)
            plain.update(inputs: [input], decay: 0.9)
            plain.update(inputs: [input * 2], decay: 0.5)
            let weights = mask.broadcast(to: [3 / geometry.groups, 3, 3]).flattened()
            let extended = hasBias ? weights.padded([(0, 1)], value: 1) : weights
            expectClose(
                factor.covariance, plain.covariance * extended.expanded(at: 0) * extended.expanded(at: 1),
                relative: 1e-12, absolute: 1e-13)
        }
    }

    /// One weight that is used with different strides: the locations of all uses count alike.
    @Test(arguments: [false, true]) func usesOfOtherGeometries(isTransposed: Bool) {
        let geometries = [1, 2].map {
            ConvolutionGeometry(kernel: [3, 3], stride: [$0], padding: [1], isTransposed: isTransposed)
        }
        let weight = randomTensor([2, 2, 3, 3])
        let uses = geometries.enumerated().map { (input: randomTensor([3, 2, 5, 5], seed: UInt64($0)), geometry: $1) }
        let outputGradients = uses.enumerated().map { index, use in
            randomTensor(
                convolution(use.input, weight: weight, geometry: use.geometry).shape, seed: UInt64(10 + index))
        }
        let diagonal = ConvDiagonalFactor(
            inputs: 2, outputs: 2, geometry: geometries[0], hasBias: false, dtype: .float64)
        diagonal.update(uses: uses, outputGradients: [outputGradients], decay: 0.9, weight: 3)
        let perUse = zip(uses, outputGradients).map { use, gradient in
            exampleGradients(uses: [(use.input, gradient)], parameters: [weight]) {
                convolution($0, weight: $1[0], geometry: use.geometry)
            }
        }
        expectClose(diagonal.diagonal, (perUse[0] + perUse[1]).squared().mean(0), relative: 1e-10, absolute: 1e-12)

        // The side with the patches: the mean over the locations of both uses.
        let covariance: Tensor
        if isTransposed {
            let factor = ConvOutputKroneckerFactor(channels: 2, geometry: geometries[0], dtype: .float64)
            factor.update(uses: [outputGradients], geometries: geometries, decay: 0.9, weight: 3)
            covariance = factor.covariance
        } else {
            let factor = ConvInputKroneckerFactor(
                channels: 2, geometry: geometries[0], hasBias: false, dtype: .float64)
            factor.update(uses: uses, decay: 0.9, weight: 3)
            covariance = factor.covariance
        }
        let rows = zip(isTransposed ? outputGradients : uses.map(\.input), geometries).map {
            Patches.rows(of: $0, geometry: $1.forward, hasBias: false).columns[0]
        }
        let all = Tensor.concatenate(rows, axis: 1)
        expectClose(covariance, all.matmul(all.transposed()) / Double(all.shape[1]), relative: 1e-10, absolute: 1e-12)
    }
}
