import Foundation
import Torch

/// The rule of ``Shampoo``.
final class ShampooRule: GradientRule {
    var configuration: Shampoo.Configuration {
        didSet {
            configuration.requireFixed(since: oldValue)
            configuration.require(by: "Shampoo")
        }
    }
    private let parameters: [NamedParameter]
    private var states: [State]
    private var updateCount = 0

    /// What is remembered of one parameter.
    private struct State {
        let axes: PreconditionedAxes
        let velocity: Tensor
        /// The running mean of the squared gradient, for grafting.
        let square: Tensor
        /// The second moment along each axis: a matrix, or the diagonal of one.
        var moments: [Tensor]
        /// Their inverse roots, possibly stale.
        var roots: [AxisFactor]
    }

    init(_ parameters: [NamedParameter], _ configuration: Shampoo.Configuration) {
        configuration.require(by: "Shampoo")
        self.parameters = parameters
        self.configuration = configuration
        states = parameters.map { parameter in
            let theta = parameter.tensor.detached()
            let axes = PreconditionedAxes(theta.shape, kernels: configuration.kernels)
            return State(
                axes: axes, velocity: Tensor.zeros(like: theta), square: Tensor.zeros(like: theta),
                moments: axes.shape.map { extent in
                    let isMatrix = axes.shape.count > 1 && extent <= configuration.maximumExtent
                    let shape = isMatrix ? [extent, extent] : [extent]
                    return Tensor.zeros(shape, dtype: theta.dtype, device: theta.device)
                },
                roots: axes.shape.map { _ in .identity })
        }
    }

    var learningRate: Schedule { configuration.learningRate }
    var momentum: Double { configuration.momentum }

    /// Whether this update computes new roots.
    private var refreshesRoots: Bool {
        let steps = updateCount - configuration.start
        return steps >= 0 && steps % configuration.period == 0
    }

    func isBounded(atStep step: Int) -> Bool {
        // Without grafting, the roots decide on the length.
        guard configuration.grafting != .none, case .average = configuration.accumulation,
            case .relative(let share) = configuration.ridge, share >= 1e-12
        else { return false }
        if case .adam(let beta2, let epsilon) = configuration.grafting, epsilon < 1e-15 || !(0..<1).contains(beta2) {
            return false
        }
        return Self.isBounded(
            rate: configuration.learningRate(step), decay: configuration.weightDecay, momentum: configuration.momentum)
    }

    func restorePoint() -> () -> Void {
        // Moments and velocities are written in place; roots are replaced, and come back with the states.
        let (states, count) = (states, updateCount)
        let restore = [states.flatMap { [$0.velocity, $0.square] + $0.moments }].restorePoint()
        return { [self] in
            restore()
            self.states = states
            updateCount = count
        }
    }

    func update(_ gradients: [Tensor], step: Int, report: inout StepReport) throws(OptimizerError) {
        if refreshesRoots {
            // Nothing has changed yet where a root fails: the new moments are tensors of their own.
            let moments = report.time(.statistics) {
                zip(states, gradients).map { folded($0.axes, $0.moments, $1, inPlace: false) }
            }
            let roots = try report.time(.inverses) { () throws(OptimizerError) in try self.roots(of: moments, step) }
            for index in states.indices {
                (states[index].moments, states[index].roots) = (moments[index], roots[index])
            }
            report.refreshedInverses = states.count
        } else {
            report.time(.statistics) {
                for (state, gradient) in zip(states, gradients) {
                    _ = folded(state.axes, state.moments, gradient, inPlace: true)
                }
            }
        }
        updateCount += 1
        let directions = report.time(.preconditioning) { zip(states, gradients).map { direction($0, $1) } }
        report.time(.update) { move(along: directions, rate: configuration.learningRate(step)) }
    }

    /// The moments with one more gradient.
    private func folded(
        _ axes: PreconditionedAxes, _ moments: [Tensor], _ gradient: Tensor, inPlace: Bool
    ) -> [Tensor] {
        let (keep, add): (Double, Double) =
            switch configuration.accumulation {
            case .sum: (1, 1)
            case .average(let decay): (decay, 1 - decay)
            }
        let gradient = gradient.reshaped(axes.shape)
        return moments.enumerated().map { axis, moment in
            let rows = axes.unfolded(gradient, axis: axis)
            let sum = inPlace ? moment : moment.copy()
            if moment.rank == 2 {
                sum.formSum(withProductOf: rows, rows.transposed(), beta: keep, alpha: add)
            } else {
                sum.multiply(inPlace: keep)
                sum.add(inPlace: rows.squared().sum(1), scale: add)
            }
            return sum
        }
    }

    private func roots(of moments: [[Tensor]], _ step: Int) throws(OptimizerError) -> [[AxisFactor]] {
        var roots: [[AxisFactor]] = []
        for (index, moments) in moments.enumerated() {
            do throws(LinearAlgebraError) {
                let exponent = configuration.exponent ?? 0.5 / Double(moments.count)
                var own: [AxisFactor] = []
                for moment in moments { own.append(try root(of: moment, exponent: exponent)) }
                roots.append(own)
            } catch {
                throw OptimizerError.preconditionerFailed(parameter: parameters[index].name, step: step, error)
            }
        }
        return roots
    }

    /// (moment + ridge)^(−exponent).
    private func root(of moment: Tensor, exponent: Double) throws(LinearAlgebraError) -> AxisFactor {
        var bias = 1.0
        if case .average(let decay) = configuration.accumulation { bias -= pow(decay, Double(updateCount + 1)) }
        func power(_ values: Tensor) -> Tensor {
            // Rounding leaves eigenvalues of about −1e-7 of the largest one.
            let values = (values / bias).clamped(atLeast: 0)
            switch configuration.ridge {
            case .absolute(let ridge): return (values + ridge).pow(-exponent)
            case .relative(let share):
                let largest = values.max()
                // A gradient that is all zeros so far has no scale: its direction stays as it is.
                return (values + Tensor.select(largest .> 0, largest * share, Tensor.ones(like: largest)))
                    .pow(-exponent)
            }
        }
        guard moment.rank == 2 else { return .diagonal(power(moment)) }
        let (values, vectors) = try moment.symmetricEigen()
        return .matrix((vectors * power(values)).matmul(vectors.transposed()))
    }

    /// The direction of one parameter's step, in its shape.
    private func direction(_ state: State, _ gradient: Tensor) -> Tensor {
        var grafted = gradient
        if case .adam(let beta2, let epsilon) = configuration.grafting {
            state.square.multiply(inPlace: beta2)
            state.square.add(inPlaceProductOf: gradient, gradient, scale: 1 - beta2)
            let rootBias = (1 - pow(beta2, Double(updateCount))).squareRoot()
            let root = state.square.squareRoot()
            root.add(inPlace: epsilon * rootBias)
            grafted = gradient / root
            grafted.multiply(inPlace: rootBias)
        }
        guard updateCount > configuration.start else { return grafted }
        let direction = state.axes.applying(state.roots, to: gradient.reshaped(state.axes.shape))
            .reshaped(gradient.shape)
        if configuration.grafting == .none { return direction }
        // The lengths stay on their device.
        return direction * (length(of: grafted) / (length(of: direction) + 1e-16))
    }

    private func length(of x: Tensor) -> Tensor { x.dot(x).squareRoot() }

    private func move(along directions: [Tensor], rate: Double) {
        for (index, parameter) in parameters.enumerated() {
            let (theta, velocity) = (parameter.tensor, states[index].velocity)
            velocity.multiply(inPlace: configuration.momentum)
            velocity.add(inPlace: directions[index])
            if configuration.weightDecay != 0 { theta.multiply(inPlace: 1 - rate * configuration.weightDecay) }
            if configuration.nesterov {
                theta.add(inPlace: directions[index], scale: -rate)
                theta.add(inPlace: velocity, scale: -rate * configuration.momentum)
            } else {
                theta.add(inPlace: velocity, scale: -rate)
            }
        }
    }
}

extension ShampooRule {
    func save(to snapshot: inout Snapshot) {
        snapshot.set("updateCount", updateCount)
        for (parameter, state) in zip(parameters, states) {
            snapshot.under(parameter.name) { snapshot in
                snapshot.set("velocity", state.velocity)
                snapshot.set("square", state.square)
                for (axis, moment) in state.moments.enumerated() {
                    snapshot.set("moment\(axis)", moment)
                    switch state.roots[axis] {
                    case .identity: break
                    case .diagonal(let root), .matrix(let root): snapshot.set("root\(axis)", root)
                    }
                }
            }
        }
    }

    func restore(from reader: SnapshotReader) {
        reader.integer("updateCount") { self.updateCount = $0 }
        for (index, parameter) in parameters.enumerated() {
            let (reader, state) = (reader.under(parameter.name), states[index])
            reader.tensor("velocity", into: state.velocity)
            reader.tensor("square", into: state.square)
            for (axis, moment) in state.moments.enumerated() {
                reader.tensor("moment\(axis)", like: moment) { self.states[index].moments[axis] = $0 }
                // Until the first roots, directions stay as they are.
                guard reader.contains("root\(axis)") else { continue }
                reader.tensor("root\(axis)", like: moment) {
                    self.states[index].roots[axis] = $0.rank == 1 ? .diagonal($0) : .matrix($0)
                }
            }
        }
    }
}
