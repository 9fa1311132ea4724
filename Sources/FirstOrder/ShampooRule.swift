import Foundation
import Optimization
import Torch

/// The rule of ``Shampoo``.
final class ShampooRule: RememberingRule {
    var configuration: Shampoo.Configuration {
        didSet {
            configuration.requireFixed(since: oldValue)
            configuration.require(by: "Shampoo")
        }
    }
    var memory: RuleMemory<Memory>

    struct Memory: ParameterMemory {
        let axes: PreconditionedAxes
        let velocity: Tensor
        /// The running mean of the squared gradient, for grafting.
        let square: Tensor
        /// The second moment along each axis: a matrix, or the diagonal of one.
        var moments: [Tensor]
        /// Their inverse roots, possibly stale.
        var roots: [AxisFactor]
        /// The number of gradients so far.
        var updateCount = 0
    }

    init(_ parameters: [NamedParameter], _ configuration: Shampoo.Configuration) {
        configuration.require(by: "Shampoo")
        self.configuration = configuration
        // Neither may be changed.
        let (kernels, maximumExtent) = (configuration.kernels, configuration.maximumExtent)
        memory = RuleMemory(parameters) { theta in
            let axes = PreconditionedAxes(theta.shape, kernels: kernels)
            return Memory(
                axes: axes, velocity: Tensor.zeros(like: theta), square: Tensor.zeros(like: theta),
                moments: axes.shape.map { extent in
                    let isMatrix = axes.shape.count > 1 && extent <= maximumExtent
                    let shape = isMatrix ? [extent, extent] : [extent]
                    return Tensor.zeros(shape, dtype: theta.dtype, device: theta.device)
                },
                roots: axes.shape.map { _ in .identity })
        }
    }

    var learningRate: Schedule { configuration.learningRate }
    var momentum: Double { configuration.momentum }

    /// Whether a parameter's next update computes new roots.
    private func refreshesRoots(_ own: Memory) -> Bool {
        let steps = own.updateCount - configuration.start
        return steps >= 0 && steps % configuration.period == 0
    }

    func isBounded(atStep step: Int) -> Bool {
        // Without grafting, the roots decide on the length.
        guard configuration.grafting != .none, case .average = configuration.accumulation,
            case .relative(let fraction) = configuration.ridge, fraction >= 1e-12
        else { return false }
        if case .adam(let beta2, let epsilon) = configuration.grafting, epsilon < 1e-15 || !(0..<1).contains(beta2) {
            return false
        }
        return Self.isBounded(
            rate: configuration.learningRate(step), decay: configuration.weightDecay, momentum: configuration.momentum)
    }

    func update(_ gradients: [Tensor?], step: Int, report: inout StepReport) throws(OptimizerError) {
        var memory = memory
        memory.begin(gradients)
        let gradients = gradients.reached
        let due = gradients.filter { refreshesRoots(memory[$0.index]) }
        if !due.isEmpty {
            // Nothing has changed yet where a root fails: the new moments are tensors of their own.
            report.time(.statistics) {
                for (index, gradient) in due {
                    memory[index].moments = folded(memory[index], gradient, inPlace: false)
                }
            }
            try report.time(.inverses) { () throws(OptimizerError) in
                for (index, _) in due {
                    memory[index].roots = try naming(index, step) { () throws(LinearAlgebraError) in
                        try roots(of: memory[index])
                    }
                }
            }
            report.refreshedInverses = due.count
        }
        if due.count < gradients.count {
            report.time(.statistics) {
                for (index, gradient) in gradients where !refreshesRoots(memory[index]) {
                    _ = folded(memory[index], gradient, inPlace: true)
                }
            }
        }
        for (index, _) in gradients { memory[index].updateCount.countOn() }
        self.memory = memory
        let directions = report.time(.preconditioning) {
            gradients.map { (index: $0.index, direction: direction(memory[$0.index], $0.gradient)) }
        }
        report.time(.update) { move(along: directions, rate: configuration.learningRate(step)) }
    }

    /// The moments with one more gradient.
    private func folded(_ own: Memory, _ gradient: Tensor, inPlace: Bool) -> [Tensor] {
        let (keep, add): (Double, Double) =
            switch configuration.accumulation {
            case .sum: (1, 1)
            case .average(let decay): (decay, 1 - decay)
            }
        let gradient = gradient.reshaped(own.axes.shape)
        return own.moments.enumerated().map { axis, moment in
            let sum = inPlace ? moment : moment.copy()
            own.axes.addSecondMoment(of: gradient, axis: axis, to: sum, keep: keep, add: add)
            return sum
        }
    }

    private func roots(of own: Memory) throws(LinearAlgebraError) -> [AxisFactor] {
        let exponent = configuration.exponent ?? 0.5 / Double(own.moments.count)
        var roots: [AxisFactor] = []
        for moment in own.moments {
            roots.append(try root(of: moment, exponent: exponent, updateCount: own.updateCount + 1))
        }
        return roots
    }

    /// (moment + ridge)^(−exponent).
    ///
    /// - Parameter updateCount: The number of gradients in the moment.
    private func root(
        of moment: Tensor, exponent: Double, updateCount: Int
    ) throws(LinearAlgebraError) -> AxisFactor {
        var bias = 1.0
        if case .average(let decay) = configuration.accumulation { bias -= pow(decay, Double(updateCount)) }
        func power(_ values: Tensor) -> Tensor {
            // Rounding leaves eigenvalues of about −1e-7 of the largest one.
            let values = (values / bias).clamped(atLeast: 0)
            switch configuration.ridge {
            case .absolute(let ridge): return (values + ridge).pow(-exponent)
            case .relative(let fraction):
                let largest = values.max()
                // A gradient that is all zeros so far has no scale: its direction stays as it is.
                return (values + Tensor.select(largest .> 0, largest * fraction, Tensor.ones(like: largest)))
                    .pow(-exponent)
            }
        }
        guard moment.rank == 2 else { return .diagonal(power(moment)) }
        let (values, vectors) = try moment.symmetricEigen()
        return .matrix((vectors * power(values)).matmul(vectors.transposed()))
    }

    /// The direction of one parameter's step, in its shape.
    private func direction(_ own: Memory, _ gradient: Tensor) -> Tensor {
        var grafted = gradient
        if case .adam(let beta2, let epsilon) = configuration.grafting {
            own.square.multiply(inPlace: beta2)
            own.square.add(inPlaceProductOf: gradient, gradient, scale: 1 - beta2)
            let rootBias = (1 - pow(beta2, Double(own.updateCount))).squareRoot()
            let root = own.square.squareRoot()
            root.add(inPlace: epsilon * rootBias)
            grafted = gradient / root
            grafted.multiply(inPlace: rootBias)
        }
        guard own.updateCount > configuration.start else { return grafted }
        let direction = own.axes.applying(own.roots, to: gradient.reshaped(own.axes.shape))
            .reshaped(gradient.shape)
        if configuration.grafting == .none { return direction }
        // The lengths stay on their device.
        return direction * (length(of: grafted) / (length(of: direction) + 1e-16))
    }

    private func length(of x: Tensor) -> Tensor { x.dot(x).squareRoot() }

    private func move(along directions: [(index: Int, direction: Tensor)], rate: Double) {
        for (index, direction) in directions {
            let (theta, velocity) = (memory.parameters[index].tensor, memory[index].velocity)
            velocity.multiply(inPlace: configuration.momentum)
            velocity.add(inPlace: direction)
            if configuration.weightDecay != 0 { theta.multiply(inPlace: 1 - rate * configuration.weightDecay) }
            if configuration.nesterov {
                theta.add(inPlace: direction, scale: -rate)
                theta.add(inPlace: velocity, scale: -rate * configuration.momentum)
            } else {
                theta.add(inPlace: velocity, scale: -rate)
            }
        }
    }
}

extension ShampooRule.Memory {
    // Roots are replaced, and moments if there are new roots.
    var tensors: [Tensor] { [velocity, square] + moments }

    func save(to snapshot: inout Snapshot) {
        snapshot.set("updateCount", updateCount)
        snapshot.set("velocity", velocity)
        snapshot.set("square", square)
        for (axis, moment) in moments.enumerated() {
            snapshot.set("moment\(axis)", moment)
            switch roots[axis] {
            case .identity: break
            case .diagonal(let root), .matrix(let root): snapshot.set("root\(axis)", root)
            }
        }
    }

    mutating func restore(from reader: SnapshotReader) {
        updateCount = reader.integer("updateCount") ?? 0
        reader.tensor("velocity", into: velocity)
        reader.tensor("square", into: square)
        reader.requireSquares("square")
        for axis in moments.indices {
            reader.requireSquares("moment\(axis)", ofMatrices: moments[axis].rank == 2)
            moments[axis] = reader.tensor("moment\(axis)", like: moments[axis]) ?? moments[axis]
            // Until the first roots, directions stay as they are.
            guard reader.contains("root\(axis)"), let root = reader.tensor("root\(axis)", like: moments[axis]) else {
                continue
            }
            roots[axis] = root.rank == 1 ? .diagonal(root) : .matrix(root)
        }
    }
}
