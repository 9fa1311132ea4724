import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Steps of layers beyond the limit, and what the user is told.
@Suite struct WideStepTests {
    private static let settings = FactorSettings(dimensionLimit: 16, blockSize: 10)

    private func loss(_ layer: TestLayer, _ x: Tensor) -> Loss {
        let labels = (0..<x.shape[0]).map { $0 * 7 % layer.weight.shape[0] }
        return Loss(Categorical(logits: layer(x)), targets: Tensor(labels))
    }

    /// A step against dense matrices that lack the entries between blocks; of many rows, and of few.
    @Test(arguments: [(inputs: 4, rows: 30), (inputs: 40, rows: 2)])
    func stepsAreThoseOfTheBlocks(test: (inputs: Int, rows: Int)) throws {
        let layer = TestLayer([25, test.inputs], seed: 1)
        let x = randomTensor([test.rows, test.inputs], seed: 2)
        let before = layer.parameters.map { $0.detached().copy() }
        let logits = x.matmul(before[0].transposed()) + before[1]
        let optimizer = KFACOptimizer(
            layer.named("layer"),
            configuration: .init(
                rule: .fixed(learningRate: 0.5, momentum: 0), damping: 0.2, estimation: .empirical, clipping: .none,
                factors: Self.settings))
        try optimizer.step { loss(layer, x) }

        let labels = (0..<test.rows).map { $0 * 7 % 25 }
        let targets = Tensor.stack(labels.map { Tensor.identity(25, dtype: .float64)[$0] })
        let g = logits.softmax(axis: 1) - targets
        let a = Tensor.concatenate([x, Tensor.ones([test.rows, 1], dtype: .float64)], axis: 1)
        func moment(_ rows: Tensor, _ sizes: [Int]) -> Tensor {
            let whole = rows.transposed().matmul(rows) / Double(test.rows)
            var start = 0
            return DirectSumOperator(
                sizes.map { size in
                    defer { start += size }
                    return DenseOperator(whole[start..<(start + size), start..<(start + size)])
                }
            ).dense()
        }
        let output = moment(g, [9, 9, 7])
        let input = moment(a, test.inputs == 4 ? [5] : [10, 10, 10, 11])
        let pi = ((input.trace().scalar / Double(input.shape[0])) / (output.trace().scalar / 25)).squareRoot()
        func damped(_ matrix: Tensor, _ damping: Double) -> Tensor {
            matrix + Tensor.identity(matrix.shape[0], dtype: .float64) * damping
        }
        let gradient = g.transposed().matmul(a) / Double(test.rows)
        let root = 0.2.squareRoot()
        let direction = try damped(output, root / pi).inverse().matmul(gradient)
            .matmul(damped(input, root * pi).inverse())
        let n = test.inputs
        expectClose(
            layer.weight.detached(), before[0] - direction[.all, 0..<n] * 0.5, relative: 1e-9, absolute: 1e-11)
        expectClose(layer.bias!.detached(), before[1] - direction[.all, n] * 0.5, relative: 1e-9, absolute: 1e-11)
    }

    /// Thousands of classes, in blocks: the loss falls, and the message comes once.
    @Test(arguments: [DampingSplit.traceRatio, .exact]) func manyClasses(split: DampingSplit) throws {
        let layer = TestLayer([5000, 16], seed: 1, dtype: .float32)
        let settings = FactorSettings(dampingSplit: split, dimensionLimit: 4096, blockSize: 64)
        let optimizer = KFACOptimizer(
            layer.named("classifier"),
            configuration: .init(rule: .fixed(learningRate: 0.3), clipping: .none, factors: settings))
        let x = randomTensor([8, 16], seed: 2, dtype: .float32)
        var losses: [Double] = []
        for step in 0..<4 {
            let report = try optimizer.step { loss(layer, x) }
            losses.append(report.loss)
            #expect(report.messages.count == (step == 0 ? 1 : 0))
            if step == 0 {
                let text = report.messages.first ?? ""
                for part in ["output factor of classifier", "5000", "4096", "64", "100.0 MB", "dimensionLimit"] {
                    #expect(text.contains(part), "\(text)")
                }
            }
        }
        #expect(losses.last! < losses[0])
        let estimate = try #require(optimizer.memoryEstimate)
        #expect(estimate.factors[0].structure == .blocks(count: 79, size: 64))
        #expect(estimate.factors[0].averageBytes == 4 * (78 * 64 * 64 + 8 * 8))
    }

    @Test func manyWideLayersAreNotAllNamed() throws {
        let network = TestNetwork([20, 21, 22, 23, 24, 25], seed: 1) { $0.tanh() }
        let optimizer = KFACOptimizer(network.parameters, configuration: .init(factors: Self.settings))
        let x = randomTensor([4, 20], seed: 2)
        let report = try optimizer.step {
            Loss(Normal(mean: network(x)), targets: Tensor.zeros([4, 25], dtype: .float64))
        }
        #expect(report.messages.count == 4)
        #expect(report.messages[0].contains("layers.4"))
        #expect(report.messages[3] == "7 smaller factors are kept in blocks, too")
    }
}
