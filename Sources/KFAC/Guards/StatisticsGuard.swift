import Optimization
import Torch

/// How large what enters a layer's statistics is.
struct StatisticsSize {
    /// The sum of the squares of the inputs, in their own precision; nil where there are none, or whole numbers only.
    var inputSum: Double?
    var inputCount = 0
    /// The same of the output gradients, or of the parameters' gradients, of all sources.
    var outputSum = 0.0
    var outputCount = 0
    /// Whether squares of products of the two are summed, rather than squares of each.
    var multiplies = false
    /// The greatest number of the type.
    var greatest = Double.greatestFiniteMagnitude

    /// The sizes of what a batch tells of each block: one wait for the device.
    static func sizes(
        of statistics: [(block: any CurvatureBlock, statistics: BlockStatistics)]
    ) -> [StatisticsSize] {
        var sums: [Tensor] = []
        var sizes: [StatisticsSize] = []
        // Where each sum goes: the block, and whether it is of the inputs.
        var places: [(block: Int, isInput: Bool)] = []
        for (index, (block, statistics)) in statistics.enumerated() {
            var size = StatisticsSize()
            func add(_ tensor: Tensor, isInput: Bool) {
                // Whole numbers choose rows, and are always finite.
                guard tensor.dtype.isFloatingPoint, tensor.count > 0 else { return }
                sums.append(tensor.dot(tensor).to(.float64).reshaped([1]))
                places.append((index, isInput))
                if isInput { size.inputCount += tensor.count } else { size.outputCount += tensor.count }
                if tensor.dtype == .float32 { size.greatest = Double(Float.greatestFiniteMagnitude) }
            }
            for use in statistics.uses { add(use.input, isInput: true) }
            for gradient in (statistics.gradients + statistics.parameterGradients).joined() {
                add(gradient, isInput: false)
            }
            if size.inputCount > 0 { size.inputSum = 0 }
            size.multiplies = !(block is KroneckerBlock || block is TimeSeriesBlock)
            sizes.append(size)
        }
        guard !sums.isEmpty else { return sizes }
        for ((block, isInput), sum) in zip(places, Tensor.concatenate(sums).array(of: Double.self)) {
            if isInput { sizes[block].inputSum! += sum } else { sizes[block].outputSum += sum }
        }
        return sizes
    }

    /// Whether an element is NaN.
    var isNaN: Bool { outputSum.isNaN || inputSum?.isNaN == true }

    /// Whether second moments of this can be formed: sums over positions, too, whose squares are at most the number of
    /// elements times as large.
    var isUsable: Bool {
        let (inputs, outputs) = (Double(max(1, inputCount)), Double(max(1, outputCount)))
        let output = outputSum * outputs
        guard let inputSum else { return output <= greatest }
        return inputSum * inputs <= greatest && output <= greatest
            && (!multiplies || inputSum * outputSum <= greatest)
    }
}

/// The verdict on a layer's statistics in a batch.
enum StatisticsVerdict: Equatable {
    /// They enter the running average.
    case admitted
    /// They enter a new average.
    case restart
    /// They are left out; `isExcessive` where they are too large for the step to go on.
    case rejected(StatisticsDefect, isExcessive: Bool)
}

extension GuardState {
    /// Decides on a batch's statistics of a layer, and remembers their scale.
    ///
    /// Implausible sizes are far above all before; or inputs that are far below, as after a damaged batch that came
    /// before all others. Output gradients may fall by any factor, as they do where a model is sure of what is drawn
    /// from it.
    mutating func judge(_ layer: String, _ size: StatisticsSize, _ guards: Guards) -> StatisticsVerdict {
        // NaN may be of the drawn targets only; what is too large is so in the batch's gradient, too.
        guard size.isUsable else { return .rejected(.notFinite, isExcessive: !size.isNaN) }
        var scale = scales[layer] ?? LayerScale()
        let input = size.inputSum.map { $0 / Double(size.inputCount) }
        let output = size.outputCount > 0 ? size.outputSum / Double(size.outputCount) : 0
        func change(_ old: Double?, _ new: Double?) -> Double {
            // Zeros have no scale: layers die and revive.
            guard let old, let new, old > 0, new > 0 else { return 1 }
            return new / old
        }
        let (inputChange, outputChange) = (change(scale.input, input), change(scale.output, output))
        let isExcessive = max(inputChange, outputChange) > guards.plausibleChange
        let isImplausible = isExcessive || inputChange * guards.plausibleChange < 1
        if isImplausible {
            scale.outliers.countOn()
            scales[layer] = scale
            if scale.outliers <= Guards.patience { return .rejected(.implausible, isExcessive: isExcessive) }
        }
        func moved(_ old: Double?, _ new: Double?) -> Double? {
            guard let new, new > 0 else { return old }
            return isImplausible ? new : max(new, old ?? 0)
        }
        scales[layer] = LayerScale(input: moved(scale.input, input), output: moved(scale.output, output))
        return isImplausible ? .restart : .admitted
    }
}
