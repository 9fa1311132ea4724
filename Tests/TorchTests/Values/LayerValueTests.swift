import TestSupport
import Testing
import Torch

@Suite("Values of layer functions")
struct LayerValueTests {
    @Test func linearAddsTheBias() {
        let output = linear(
            Tensor([1.0, 2, 3, 4], shape: [2, 2]), weight: Tensor([1.0, 0, 0, 1, 1, 1], shape: [3, 2]),
            bias: Tensor([10.0, 20, 30]))
        #expect(output.array() == [11.0, 22, 33, 13, 24, 37])
    }

    @Test func embeddingPicksRows() {
        let output = embedding(Tensor([2, 0], shape: [1, 2]), weight: Tensor([1.0, 2, 3, 4, 5, 6], shape: [3, 2]))
        #expect(output.shape == [1, 2, 2])
        #expect(output.array() == [5.0, 6, 1, 2])
    }

    @Test func scaleAndShiftFollowsTheAxes() {
        let x = Tensor.ones([2, 3, 2], dtype: .float64)
        let output = scaleAndShift(x, scale: Tensor([1.0, 2, 3]), shift: Tensor([0.5, 0, -1]), axes: [1])
        #expect(output[0].array() == [1.5, 1.5, 2, 2, 2, 2])
        let last = scaleAndShift(x, scale: Tensor([4.0, 5]))
        #expect(last[1, 2].array() == [4.0, 5])
    }

    static let geometries: [ConvolutionGeometry] = [
        ConvolutionGeometry(kernel: [3]),
        ConvolutionGeometry(kernel: [2], stride: [2], padding: [1], dilation: [3], groups: 2),
        ConvolutionGeometry(kernel: [3, 3], padding: [1]),
        ConvolutionGeometry(kernel: [2, 3], stride: [2, 1], padding: [0, 2], dilation: [1, 2], groups: 2),
        ConvolutionGeometry(kernel: [2, 1, 3], stride: [1, 2, 2], padding: [1, 0, 1]),
        ConvolutionGeometry(kernel: [3], stride: [2], padding: [1], isTransposed: true, outputPadding: [1]),
        ConvolutionGeometry(kernel: [2, 3], stride: [2, 3], dilation: [2, 1], groups: 2, isTransposed: true),
        ConvolutionGeometry(kernel: [2, 2, 2], stride: [2], padding: [1, 0, 0], isTransposed: true),
    ]

    @Test(arguments: geometries) func convolutionAgreesWithItsDefinition(_ geometry: ConvolutionGeometry) {
        let spatial = Array([6, 5, 4].prefix(geometry.spatialRank))
        let inputs = 4
        let outputs = 2 * geometry.groups
        let x = randomTensor([2, inputs] + spatial)
        let (first, second) = geometry.isTransposed ? (inputs, outputs) : (outputs, inputs)
        let channels = [first, second / geometry.groups]
        let weight = randomTensor(channels + geometry.kernel, seed: 2)
        let bias = randomTensor([outputs], seed: 3)
        let result = convolution(x, weight: weight, bias: bias, geometry: geometry)
        #expect(result.shape == [2, outputs] + geometry.outputShape(for: spatial))
        expectClose(result, definition(x, weight, bias, geometry), absolute: 1e-12)
    }

    /// A convolution by loops: every element of the input meets every element of the kernel.
    private func definition(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, _ geometry: ConvolutionGeometry) -> Tensor {
        let spatial = Array(x.shape.dropFirst(2))
        let outputSpatial = geometry.outputShape(for: spatial)
        let outputs = bias.count
        let groupInputs = x.shape[1] / geometry.groups
        let groupOutputs = outputs / geometry.groups
        let values = x.array(of: Double.self)
        let weights = weight.array(of: Double.self)
        let kernelSize = geometry.kernel.reduce(1, *)
        var result = bias.reshaped([1, -1] + outputSpatial.map { _ in 1 })
            .broadcast(to: [x.shape[0], outputs] + outputSpatial).array(of: Double.self)
        for (example, group) in product([x.shape[0], geometry.groups]).map({ ($0[0], $0[1]) }) {
            for (input, output) in product([groupInputs, groupOutputs]).map({ ($0[0], $0[1]) }) {
                for position in product(geometry.isTransposed ? spatial : outputSpatial) {
                    for (number, offset) in product(geometry.kernel).enumerated() {
                        let reached = position.indices.map {
                            position[$0] * geometry.stride[$0] - geometry.padding[$0]
                                + offset[$0] * geometry.dilation[$0]
                        }
                        let (from, to) = geometry.isTransposed ? (position, reached) : (reached, position)
                        guard let source = offsetIn(spatial, from), let target = offsetIn(outputSpatial, to) else {
                            continue
                        }
                        let (i, o) = (group * groupInputs + input, group * groupOutputs + output)
                        let filter = geometry.isTransposed ? i * groupOutputs + output : o * groupInputs + input
                        let size = (spatial.reduce(1, *), outputSpatial.reduce(1, *))
                        result[(example * outputs + o) * size.1 + target] +=
                            values[(example * x.shape[1] + i) * size.0 + source] * weights[filter * kernelSize + number]
                    }
                }
            }
        }
        return Tensor(result, shape: [x.shape[0], outputs] + outputSpatial)
    }

    /// All positions in a box, the last axis fastest.
    private func product(_ extents: [Int]) -> [[Int]] {
        extents.reduce([[]]) { positions, extent in
            positions.flatMap { start in (0..<extent).map { start + [$0] } }
        }
    }

    /// The row-major number of a position; nil outside.
    private func offsetIn(_ extents: [Int], _ position: [Int]) -> Int? {
        guard zip(extents, position).allSatisfy({ (0..<$0).contains($1) }) else { return nil }
        return zip(extents, position).reduce(0) { $0 * $1.0 + $1.1 }
    }

    @Test(arguments: geometries.filter { $0.spatialRank == 2 && $0.groups == 1 && !$0.isTransposed })
    func patchesTimesWeightIsConvolution(_ geometry: ConvolutionGeometry) {
        let x = randomTensor([2, 3, 5, 4])
        let weight = randomTensor([2, 3] + geometry.kernel, seed: 2)
        let patches = patches2D(x, geometry: geometry)
        let output = convolution(x, weight: weight, geometry: geometry)
        expectClose(weight.flattened(from: 1).matmul(patches), output.flattened(from: 2))
    }

    @Test func poolingTakesWindows() {
        let x = Tensor.range(0..<12, dtype: .float64).reshaped([1, 1, 3, 4])
        #expect(maxPooling2D(x, window: [2, 2]).array() == [5.0, 7])
        #expect(maxPooling2D(x, window: [2, 2], stride: [1, 2]).array() == [5.0, 7, 9, 11])
        #expect(maxPooling2D(-x, window: [3, 3], stride: [2, 2], padding: [1, 1]).array() == [0.0, -1, -4, -5])
        #expect(averagePooling2D(x, window: [1, 4]).array() == [1.5, 5.5, 9.5])
        let padded = averagePooling2D(x, window: [2, 2], stride: [2, 3], padding: [1, 1])
        #expect(padded.array() == [0.0, 1.25, 3, 8.5])
    }

    @Test func batchNormalizationMovesTheRunningStatistics() {
        let x = Tensor([1.0, 10, 3, 10, 5, 13], shape: [3, 2])
        let (mean, variance) = (Tensor([0.0, 0]), Tensor([1.0, 1]))
        let output = batchNormalization(
            x, runningMean: mean, runningVariance: variance, training: true, momentum: 0.5, epsilon: 0)
        expectClose(output.mean(0), Tensor([0.0, 0]), absolute: 1e-12)
        expectClose(output.variance(0), Tensor([1.0, 1]))
        expectClose(mean, Tensor([1.5, 5.5]))
        // Of the batch: 4 and 3, divided by one less than the number of elements.
        expectClose(variance, Tensor([2.5, 2]))
        let evaluated = batchNormalization(x, runningMean: mean, runningVariance: variance, training: false, epsilon: 0)
        expectClose(evaluated, (x - mean) / variance.squareRoot())
        expectClose(mean, Tensor([1.5, 5.5]))
    }

    @Test func layerNormalizationIsByExample() {
        let output = layerNormalization(randomTensor([3, 2, 4]) * 7 + 3, over: [2, 4], epsilon: 0)
        expectClose(output.mean(1, 2), Tensor.zeros([3]), absolute: 1e-12)
        expectClose(output.variance(1, 2), Tensor.ones([3]))
    }
}
