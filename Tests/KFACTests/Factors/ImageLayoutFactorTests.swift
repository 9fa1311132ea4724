import TestSupport
import Testing

@testable import Curvature
@testable import Torch

/// The statistics of convolutions read images whose channels are last as they are.
@Suite struct ImageLayoutFactorTests {
    /// A case with channels enough for the kernels, drawn from a seed.
    private static func randomCase(_ seed: Int, dtype: DType) -> (images: Tensor, geometry: ConvolutionGeometry) {
        var random = SplitMix(state: UInt64(seed))
        func pair(_ range: ClosedRange<Int>) -> [Int] { (0..<2).map { _ in Int.random(in: range, using: &random) } }
        let groups = [1, 1, 1, 2, 3].randomElement(using: &random)!
        let perGroup = [1, 3, 5, 16, 20, 33].randomElement(using: &random)!
        let geometry = ConvolutionGeometry(
            kernel: pair(1...3), stride: pair(1...2), padding: pair(0...2), dilation: pair(1...2), groups: groups)
        let shape = [Int.random(in: 1...4, using: &random), groups * perGroup] + pair(5...8)
        return (randomTensor(shape, seed: UInt64(seed), dtype: dtype), geometry)
    }

    @Test(arguments: [DType.float32, .float64], StatisticsForm.allCases)
    func inputFactorsAreTheSame(dtype: DType, form: StatisticsForm) {
        for seed in 0..<60 {
            let (images, geometry) = Self.randomCase(seed, dtype: dtype)
            func covariance(_ layout: ImageLayout, _ form: StatisticsForm) -> Tensor {
                let factor = ConvInputKroneckerFactor(
                    channels: images.shape[1], geometry: geometry, hasBias: seed % 2 == 0,
                    settings: FactorSettings(statistics: form), dtype: dtype)
                factor.update(inputs: [images.contiguous(in: layout)], decay: 0.9)
                return factor.covariance
            }
            let tolerance = dtype == .float32 ? 1e-4 : 1e-11
            expectClose(
                covariance(.channelsLast, form), covariance(.standard, .plain), relative: tolerance,
                absolute: tolerance, "\(images.shape), \(geometry)")
        }
    }

    @Test(arguments: [DType.float32, .float64]) func outputFactorsAreTheSame(dtype: DType) {
        for seed in 0..<60 {
            let (images, geometry) = Self.randomCase(seed, dtype: dtype)
            let isTransposed = seed % 5 == 0 && geometry.groups == 1
            func covariance(_ layout: ImageLayout, _ form: StatisticsForm) -> Tensor {
                var own = geometry
                own.isTransposed = isTransposed
                let factor = ConvOutputKroneckerFactor(
                    channels: images.shape[1], geometry: own, settings: FactorSettings(statistics: form), dtype: dtype)
                factor.update(outputGradients: [images.contiguous(in: layout)], decay: 0.9)
                return factor.covariance
            }
            let tolerance = dtype == .float32 ? 1e-4 : 1e-11
            expectClose(
                covariance(.channelsLast, .automatic), covariance(.standard, .plain), relative: tolerance,
                absolute: tolerance, "\(images.shape), \(geometry)")
        }
    }

    /// Neither a conversion nor any other copy: no more tensors than in the standard layout.
    @Test(.enabled(if: LineProducts.canRun(on: .cpu), "needs the kernels")) func nothingIsCopied() {
        let images = randomTensor([4, 32, 10, 10], dtype: .float32)
        func allocations(_ layout: ImageLayout) -> [Int] {
            let images = images.contiguous(in: layout)
            let input = ConvInputKroneckerFactor(
                channels: 32, geometry: ConvolutionGeometry(kernel: [3, 3], padding: [1]), hasBias: true,
                settings: FactorSettings(statistics: .lags))
            let output = ConvOutputKroneckerFactor(channels: 32)
            return [
                MemoryShortage.after(.max) { input.update(inputs: [images], decay: 0.9) }.allocations,
                MemoryShortage.after(.max) { output.update(outputGradients: [images], decay: 0.9) }.allocations,
                MemoryShortage.after(.max) { images.dot(images) }.allocations,
            ]
        }
        for (last, standard) in zip(allocations(.channelsLast), allocations(.standard)) { #expect(last <= standard) }
    }
}
