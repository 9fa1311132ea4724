import Torch

/// Finds the axis of the examples in the inputs and outputs of layers.
///
/// An axis has as many entries as the batch has examples. Where that leaves a choice, as in [time, batch] with as many
/// steps as examples, the derivatives decide: what one example predicts depends on its own entries only.
final class ExampleAxes {
    private let loss: Loss
    private let uses: [LayerUse]
    /// For each use, the axes along which single examples can be told apart; found when first needed.
    private lazy var separatingAxes: [Set<Int>] = findSeparatingAxes()

    init(_ loss: Loss, uses: [LayerUse]) {
        self.loss = loss
        self.uses = uses
    }

    /// Whether what is found goes for later batches: of one example, any axis of extent 1 could be that of the
    /// examples.
    var isSettled: Bool { loss.batchSize > 1 }

    /// The axis that all of some uses have in common; nil if there is none, or more than one that could be it.
    func axis(of numbers: [Int], stated: Int?) -> Int? {
        let possible = numbers.map { Set(possibleAxes(of: uses[$0])) }
        let common = possible.dropFirst().reduce(possible.first ?? []) { $0.intersection($1) }
        if let stated { return common.contains(stated) ? stated : nil }
        // By convention the batch comes first.
        if common == [0] || loss.batchSize == 1 && common.contains(0) { return 0 }
        if common.isEmpty { return nil }
        let separating = numbers.reduce(common) { $0.intersection(separatingAxes[$1]) }
        return separating.count == 1 ? separating.first : nil
    }

    /// The axes of a use that are not features and have as many entries as there are examples.
    private func possibleAxes(of use: LayerUse) -> [Int] {
        let shape = use.preActivation.shape
        let axes: [Int] =
            switch use.operation {
            case .linear, .transposedLinear, .embedding: Array(0..<(shape.count - 1))
            case .convolution: [0]
            case .custom: Array(shape.indices)
            case .scaleAndShift(let axes): shape.indices.filter { !axes.contains($0) }
            }
        // A result without any axis but the features' has one example only if the batch has.
        return axes.filter { shape[$0] == loss.batchSize }
    }

    /// One pass back from the first and one from the last example, with random weights.
    private func findSeparatingAxes() -> [Set<Int>] {
        let outputs = loss.terms.flatMap(\.distribution.parameters)
        let size = loss.batchSize
        var axes = uses.map { Set(possibleAxes(of: $0)) }
        for example in [0, size - 1] {
            var generator = RandomGenerator(seed: 1, device: outputs[0].device)
            let weights = outputs.map { output in
                let weights = Tensor.zeros(like: output.detached())
                weights[example] = generator.normal(Array(output.shape.dropFirst()), dtype: output.dtype)
                return weights
            }
            let gradients = pullBack(weights, through: outputs, to: uses.map(\.preActivation))
            for (index, gradient) in gradients.enumerated() {
                guard let gradient else {
                    axes[index] = []
                    continue
                }
                axes[index] = axes[index].filter { axis in
                    let entries = gradient.inFullPrecision.transposed(0, axis).flattened(from: 1).greatestMagnitudes()
                    return entries.nonzeroPositions().array(of: Int.self) == [example]
                }
            }
        }
        return axes
    }
}

/// The facts that are settled about a layer's axis of examples, for all later batches.
enum SettledAxis: Hashable {
    case axis(Int)
    /// It could not be found, and the layer has the generic diagonal.
    case notFound
}

extension LayerUse {
    /// The same use with the axis of the examples first.
    func movingExamplesFirst(from axis: Int) -> LayerUse {
        guard axis != 0 else { return self }
        var operation = operation
        if case .scaleAndShift(let axes) = operation {
            operation = .scaleAndShift(axes: axes.map { $0 < axis ? $0 + 1 : $0 })
        }
        return LayerUse(
            operation: operation, weight: weight, bias: bias, input: input.movingFirst(axis),
            preActivation: preActivation.detached().movingFirst(axis), mask: maskOfAllPositions?.movingFirst(axis))
    }
}

extension Tensor {
    /// A view with one axis before all others.
    func movingFirst(_ axis: Int) -> Tensor {
        axis == 0 ? self : permuted([axis] + (0..<rank).filter { $0 != axis })
    }
}
