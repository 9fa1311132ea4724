import TestSupport
import Testing
import Torch
import TorchNN

@testable import Benchmarking
@testable import Reports
@testable import Training

@Suite struct WorkTests {
    /// A kernel's extent, padding and an image's extent that the lags apply to.
    static let axes: [(kernel: Int, padding: Int, extent: Int)] = (1...5).flatMap { kernel in
        (0..<kernel).flatMap { padding in
            (1...9).filter { $0 >= kernel - 1 && $0 + 2 * padding >= kernel }.map { (kernel, padding, $0) }
        }
    }

    /// Counts the products of two rows that the second moment by lags needs, one after the other.
    ///
    /// Each pair of rows within a kernel's reach once; once more each pair at an edge that some pair of kernel rows
    /// does not read, which is taken off.
    private func pairs(kernel: Int, padding: Int, extent: Int) -> Int {
        var all: Set<[Int]> = []
        var above: Set<[Int]> = []
        var below: Set<[Int]> = []
        let positions = extent + 2 * padding - kernel + 1
        for a in 0..<kernel {
            for b in 0..<kernel {
                for row in 0..<extent where (0..<extent).contains(row + b - a) {
                    let pair = [row, row + b - a]
                    all.insert(pair)
                    let position = row + padding - a
                    if position < 0 { above.insert(pair) }
                    if position >= positions { below.insert(pair) }
                }
            }
        }
        return all.count + above.count + below.count
    }

    @Test(arguments: axes) func patchMomentsNeedTheEnumeratedProducts(kernel: Int, padding: Int, extent: Int) {
        let geometry = ConvolutionGeometry(kernel: [kernel], padding: [padding])
        let work = Work.patchMoment(input: [7, 3, extent], geometry: geometry)
        let plain = kernel * kernel * (extent + 2 * padding - kernel + 1)
        let terms = min(plain, pairs(kernel: kernel, padding: padding, extent: extent))
        // A product of two rows is 7 · 3² products of numbers: two flops each, and half of them by symmetry.
        #expect(work.flops == Double(7 * 9 * terms))
        #expect(work.bytes == Double(4 * (7 * 3 * extent + 9 * kernel * kernel)))
    }

    @Test func axesMultiply() {
        let geometry = ConvolutionGeometry(kernel: [3, 5], padding: [1, 2])
        let work = Work.patchMoment(input: [2, 4, 10, 12], geometry: geometry)
        #expect(work.flops == Double(2 * 16 * (5 * 10 - 4) * (9 * 12 - 12)))
    }

    @Test(arguments: [
        ConvolutionGeometry(kernel: [3, 3], stride: [2], padding: [1]),
        ConvolutionGeometry(kernel: [3, 3], padding: [2], dilation: [2]),
        ConvolutionGeometry(kernel: [1, 1], padding: [1]),
    ]) func otherPatchMomentsAreSymmetricProducts(geometry: ConvolutionGeometry) {
        let input = [2, 4, 9, 11]
        let rows = geometry.outputShape(for: [9, 11]).reduce(2, *)
        let expected = Work.symmetricProduct(dimension: geometry.kernel.reduce(4, *), rows: rows)
        #expect(Work.patchMoment(input: input, geometry: geometry).flops == expected.flops)
    }

    @Test func densePhases() {
        #expect(Work.symmetricProduct(dimension: 5, rows: 7) == Work(flops: 175, bytes: 4 * 60))
        #expect(Work.inverse(dimension: 10) == Work(flops: 1000, bytes: 400))
        #expect(Work.preconditioning(outputs: 2, inputs: 3) == Work(flops: 60, bytes: 4 * 25))
        #expect(Work.preconditioning(outputs: 2, inputs: 3, rows: 1) == Work(flops: 38, bytes: 4 * 25))
        #expect(Work.preconditioning(outputs: 2, inputs: 3, rows: 2) == Work(flops: 60, bytes: 4 * 25))
    }

    @Test func theBoundIsTheGreaterOfBoth() {
        let work = Work(flops: 100, bytes: 40)
        #expect(work.bound(at: MachineSpeed(peak: 10, copyBandwidth: 8)) == 10)
        #expect(work.bound(at: MachineSpeed(peak: 50, copyBandwidth: 8)) == 5)
    }

    @Test func stepsOfAPerceptron() {
        var generator = RandomGenerator(seed: 1)
        let model = MultilayerPerceptron([3, 5, 2], using: &generator)
        let work = StepWork(recordingLayerUses { model(Tensor.zeros([4, 3])) }.uses)
        // A pass takes 2 · 4 · 3 · 5 = 120 and 2 · 4 · 5 · 2 = 80 flops.
        #expect(work.gradient.flops == 2 * 120 + 3 * 80)
        let statistics = Double(4 * (3 * 3 + 5 * 5) + 4 * (5 * 5 + 2 * 2) + 80)
        let inverses = Double(4 * 4 * 4 + 5 * 5 * 5 + 6 * 6 * 6 + 2 * 2 * 2)
        let preconditioning = Double(2 * 5 * 4 * 9 + 2 * 2 * 6 * 8)
        expectClose(
            work.naturalGradient(inversePeriod: 10).flops, 480 + statistics + inverses / 10 + preconditioning)
        let quadratic = Double(120 + 2 * 80) * 2
        expectClose(
            work.naturalGradient(inversePeriod: 5, statisticsFraction: 0.5, quadraticFraction: 0.25).flops,
            480 + statistics / 2 + inverses / 5 + preconditioning + quadratic / 4)
        expectClose(
            work.eigenbasisMoments(basisPeriod: 40, statisticsFraction: 0.25).flops,
            480 + statistics / 4 + 9 * inverses / 40 + 2 * preconditioning)
    }

    @Test func stepsOfAConvolution() {
        var generator = RandomGenerator(seed: 1)
        let layer = Convolution2D(3, 4, kernel: 3, padding: 1, bias: nil, using: &generator)
        let work = StepWork(recordingLayerUses { layer(Tensor.zeros([2, 3, 4, 4])) }.uses)
        #expect(work.gradient.flops == Double(2 * 2 * 32 * 27 * 4))
        let statistics = Double(2 * 9 * (5 * 4 - 4) * (5 * 4 - 4) + 32 * 16)
        let inverses = Double(27 * 27 * 27 + 4 * 4 * 4)
        expectClose(
            work.naturalGradient(inversePeriod: 1).flops,
            work.gradient.flops + statistics + inverses + Double(2 * 4 * 27 * 31))
    }

    private func expectClose(_ found: Double, _ expected: Double, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(abs(found - expected) <= 1e-12 * expected, "\(found), \(expected)", sourceLocation: sourceLocation)
    }
}
