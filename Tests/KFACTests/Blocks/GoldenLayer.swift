import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The layer of a golden case of blocks, in this library's layout: what goes in, and how the original's tensors are
/// brought into the same order.
struct GoldenLayer {
    let ledger: GoldenLedger
    let operation: LayerUse.Operation
    let weight: NamedParameter
    let bias: NamedParameter?
    let statistics: BlockStatistics
    /// The vector that is multiplied, in the shapes of the parameters.
    let vector: [Tensor]

    /// Loads a case.
    init(group: String, case name: String) throws {
        ledger = try GoldenLedger(group: group, case: name)
        let isConvolution = ledger.has("inputs")
        let inputs: [Tensor]
        let gradients: [[Tensor]]
        if isConvolution {
            let filter = try ledger.golden["vector_0"].shape
            let kernel = Array(filter.prefix(2))
            let strides = try #require(ledger.golden.integers("strides"))
            let stride = Array(strides[1...2])
            let padding = try #require(ledger.golden.settings["padding"] as? String)
            let x = try ledger.take("inputs")
            inputs = [GoldenPadding.apply(padding, to: x, kernel: kernel, stride: stride, dilation: [1, 1])]
            gradients = [[try ledger.take("outputs_grads").permuted(0, 3, 1, 2)]]
            operation = .convolution(ConvolutionGeometry(kernel: kernel, stride: stride))
        } else {
            operation = .linear
            if ledger.has("inputs_tower0") {
                // The original concatenates the towers, the parts of a batch on several devices.
                inputs = [Tensor.concatenate(try ledger.takeAll("inputs_tower"))]
                let sources =
                    ledger.has("grads_tower0")
                    ? [try ledger.takeAll("grads_tower")]
                    : try (0...).lazy.map { "grads_source\($0)_tower" }.prefix { [ledger] in ledger.has($0 + "0") }
                        .map(ledger.takeAll)
                gradients = sources.map { [Tensor.concatenate($0)] }
            } else {
                inputs = try ledger.takeAll("inputs_")
                gradients = [try ledger.takeAll("grads_")]
            }
        }
        let operation = operation
        vector = try ledger.takeAll("vector_").enumerated().map {
            $0.offset == 0 ? Self.ordered($0.element, operation) : $0.element
        }
        weight = NamedParameter("layer.weight", vector[0])
        bias = vector.count > 1 ? NamedParameter("layer.bias", vector[1]) : nil
        let (tensor, biasTensor) = (vector[0], vector.dropFirst().first)
        let uses = zip(inputs, gradients[0]).map { input, gradient in
            LayerUse(
                operation: operation, weight: tensor, bias: biasTensor, input: input, preActivation: gradient)
        }
        statistics = BlockStatistics(uses: uses, gradients: gradients, batchSize: inputs[0].shape[0], decay: 0)
    }

    var damping: Double { get throws { try ledger.golden.number("damping") } }

    /// c: the number of locations or uses, by the original's account.
    var locationCount: Double {
        let settings = ledger.golden.settings
        return ((settings["num_locations"] ?? settings["uses"]) as? Double) ?? 1
    }

    /// The original's weight, [inputs, outputs] or [kernel..., inputs, outputs], in this library's layout.
    static func ordered(_ weight: Tensor, _ operation: LayerUse.Operation) -> Tensor {
        operation == .linear ? weight.transposed() : weight.permuted(3, 2, 0, 1)
    }

    /// The order of a convolution's patches; nil for linear layers.
    var patches: PatchOrder? {
        guard case .convolution = operation else { return nil }
        let shape = vector[0].shape
        return PatchOrder(filterShape: [shape[2], shape[3], shape[1], shape[0]], hasBias: bias != nil)
    }

    /// Compares both factors, dense or diagonal.
    func expectFactors(_ block: KroneckerBlock) throws {
        for (index, factor) in [block.input, block.output].enumerated() {
            let name = "factor_\(index)_cov"
            let value =
                (factor as? DiagonalFactor)?.diagonal ?? (factor as? InverseProvidingFactor)?.covariance
                ?? factor.average.dense()
            let patches = index == 0 ? patches : nil
            try ledger.expectStatistic(value, name) { original in patches.map { $0.matrix(original) } ?? original }
        }
        let split = FactoredDamping(
            damping: try damping / locationCount, inputMeanDiagonal: block.input.meanDiagonal,
            outputMeanDiagonal: block.output.meanDiagonal)
        let dtype = ledger.dtype
        try ledger.expectInverse(Tensor(split.input).to(dtype), "input_damping")
        try ledger.expectInverse(Tensor(split.output).to(dtype), "output_damping")
    }

    /// Compares tensors in the parameters' shapes.
    func expect(_ tensors: [Tensor], _ name: String) throws {
        #expect(tensors.count == vector.count)
        for (index, tensor) in tensors.enumerated() {
            try ledger.expectInverse(tensor, "\(name)_\(index)") {
                index == 0 ? Self.ordered($0, operation) : $0
            }
        }
    }
}
