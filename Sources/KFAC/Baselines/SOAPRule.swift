import Foundation
import Torch

/// The rule of ``SOAP``.
///
/// The mean of the gradients is kept in the eigenbasis, and turned with it, instead of being projected at every step: a
/// quarter of the products less, for the same steps.
final class SOAPRule: GradientRule {
    var configuration: SOAP.Configuration {
        didSet {
            configuration.requireFixed(since: oldValue)
            configuration.require(by: "SOAP")
        }
    }
    private let parameters: [NamedParameter]
    private var states: [State]
    private var updateCount = 0

    /// What is remembered of one parameter.
    private struct State {
        let axes: PreconditionedAxes
        /// The mean of the gradients, and of their squares, in the eigenbasis.
        var mean: Tensor
        var square: Tensor
        /// The second moment along each axis that has a basis.
        var moments: [Tensor?]
        /// The bases, as columns; identities until the first gradient.
        var bases: [Tensor?]
    }

    init(_ parameters: [NamedParameter], _ configuration: SOAP.Configuration) {
        configuration.require(by: "SOAP")
        self.parameters = parameters
        self.configuration = configuration
        states = parameters.map { parameter in
            let theta = parameter.tensor.detached()
            let axes = PreconditionedAxes(theta.shape, kernels: configuration.kernels)
            let zeros = { Tensor.zeros($0, dtype: theta.dtype, device: theta.device) }
            let moments = axes.shape.map {
                axes.shape.count > 1 && $0 <= configuration.maximumExtent ? zeros([$0, $0]) : nil
            }
            return State(
                axes: axes, mean: zeros(axes.shape), square: zeros(axes.shape), moments: moments,
                bases: axes.shape.map { _ in nil })
        }
    }

    var learningRate: Schedule { configuration.learningRate }
    var momentum: Double { configuration.beta1 }

    func isBounded(atStep step: Int) -> Bool {
        configuration.epsilon >= 1e-15 && (0..<1).contains(configuration.beta2)
            && Self.isBounded(
                rate: configuration.learningRate(step), decay: configuration.weightDecay, momentum: configuration.beta1)
    }

    func restorePoint() -> () -> Void {
        // Means and moments are written in place; what is replaced comes back with the states.
        let (states, count) = (states, updateCount)
        let restore = [states.flatMap { [$0.mean, $0.square] + $0.moments.compactMap { $0 } }].restorePoint()
        return { [self] in
            restore()
            self.states = states
            updateCount = count
        }
    }

    func update(_ gradients: [Tensor], step: Int, report: inout StepReport) throws(OptimizerError) {
        if updateCount == 0 {
            try report.time(.inverses) { () throws(OptimizerError) in try start(gradients, step: step) }
            report.refreshedInverses = states.count
        } else {
            // Due since the end of the last step, and done before anything of this one has changed.
            if updateCount > 1, (updateCount - 1) % configuration.period == 0 {
                try report.time(.inverses) { () throws(OptimizerError) in try turnBases(step: step) }
                report.refreshedInverses = states.count
            }
            let directions = report.time(.preconditioning) { zip(states, gradients).map { direction($0, $1) } }
            report.time(.update) { move(along: directions, rate: configuration.learningRate(step)) }
            report.time(.statistics) {
                for (state, gradient) in zip(states, gradients) { fold(gradient, into: state.moments, state.axes) }
            }
        }
        updateCount += 1
    }

    /// Averages one more gradient into the moments.
    private func fold(_ gradient: Tensor, into moments: [Tensor?], _ axes: PreconditionedAxes) {
        let decay = configuration.momentDecay ?? configuration.beta2
        let gradient = gradient.reshaped(axes.shape)
        for (axis, moment) in moments.enumerated() {
            guard let moment else { continue }
            let rows = axes.unfolded(gradient, axis: axis)
            moment.formSum(withProductOf: rows, rows.transposed(), beta: decay, alpha: 1 - decay)
        }
    }

    /// The moments of the first gradient and their eigenvectors, by descending eigenvalues.
    private func start(_ gradients: [Tensor], step: Int) throws(OptimizerError) {
        var started = states
        for index in states.indices {
            started[index].moments = states[index].moments.map { $0.map { Tensor.zeros(like: $0) } }
            fold(gradients[index], into: started[index].moments, started[index].axes)
            try explaining(index, step) { () throws(LinearAlgebraError) in
                for (axis, moment) in started[index].moments.enumerated() {
                    started[index].bases[axis] = try moment?.symmetricEigen().vectors.flipped(1)
                }
            }
        }
        states = started
    }

    /// One step of the power method for each basis, in the order of the estimated eigenvalues (algorithm 4).
    private func turnBases(step: Int) throws(OptimizerError) {
        var turned = states
        for index in states.indices {
            var rotations: [AxisFactor] = states[index].bases.map { _ in .identity }
            try explaining(index, step) { () throws(LinearAlgebraError) in
                for axis in rotations.indices {
                    guard let moment = states[index].moments[axis], let basis = states[index].bases[axis] else {
                        continue
                    }
                    let product = moment.matmul(basis)
                    let eigenvalues = (basis * product).sum(0)
                    guard eigenvalues.isFinite().all() else {
                        throw LinearAlgebraError(
                            operation: "qr", shape: moment.shape, reason: "the matrix has elements that are not finite")
                    }
                    let order = eigenvalues.sortedIndices(descending: true)
                    let new = try product.gathered(order, axis: 1).qr().orthogonal
                    turned[index].bases[axis] = new
                    turned[index].square = turned[index].square.gathered(order, axis: axis)
                    rotations[axis] = .matrix(basis.transposed().matmul(new))
                }
            }
            turned[index].mean = states[index].axes.applying(rotations, to: states[index].mean)
        }
        states = turned
    }

    private func explaining(
        _ index: Int, _ step: Int, _ body: () throws(LinearAlgebraError) -> Void
    ) throws(OptimizerError) {
        do throws(LinearAlgebraError) { try body() } catch {
            throw OptimizerError.preconditionerFailed(parameter: parameters[index].name, step: step, error)
        }
    }

    /// Adam's direction in the eigenbasis, turned back into the parameter's axes; its bias is not corrected yet.
    private func direction(_ state: State, _ gradient: Tensor) -> Tensor {
        let projected = state.axes.applying(
            state.bases.map { $0.map { .matrix($0) } ?? .identity }, to: gradient.reshaped(state.axes.shape))
        state.mean.interpolate(inPlaceTowards: projected, weight: 1 - configuration.beta1)
        state.square.multiply(inPlace: configuration.beta2)
        state.square.add(inPlaceProductOf: projected, projected, scale: 1 - configuration.beta2)
        let root = state.square.squareRoot()
        root.add(inPlace: configuration.epsilon)
        return state.axes.applying(
            state.bases.map { $0.map { .matrix($0.transposed()) } ?? .identity }, to: state.mean / root)
    }

    private func move(along directions: [Tensor], rate: Double) {
        let count = Double(updateCount)
        let bias = (1 - pow(configuration.beta2, count)).squareRoot() / (1 - pow(configuration.beta1, count))
        for (parameter, direction) in zip(parameters, directions) {
            let theta = parameter.tensor
            theta.add(inPlace: direction.reshaped(theta.shape), scale: -rate * bias)
            if configuration.weightDecay != 0 { theta.multiply(inPlace: 1 - rate * configuration.weightDecay) }
        }
    }
}

extension SOAPRule {
    func save(to snapshot: inout Snapshot) {
        snapshot.set("updateCount", updateCount)
        for (parameter, state) in zip(parameters, states) {
            snapshot.under(parameter.name) { snapshot in
                snapshot.set("mean", state.mean)
                snapshot.set("square", state.square)
                for (axis, moment) in state.moments.enumerated() {
                    if let moment { snapshot.set("moment\(axis)", moment) }
                    if let basis = state.bases[axis] { snapshot.set("basis\(axis)", basis) }
                }
            }
        }
    }

    func restore(from reader: SnapshotReader) {
        reader.integer("updateCount") { self.updateCount = $0 }
        for (index, parameter) in parameters.enumerated() {
            let (reader, state) = (reader.under(parameter.name), states[index])
            reader.tensor("mean", like: state.mean) { self.states[index].mean = $0 }
            reader.tensor("square", like: state.square) { self.states[index].square = $0 }
            for (axis, moment) in state.moments.enumerated() {
                guard let moment else { continue }
                reader.tensor("moment\(axis)", like: moment) { self.states[index].moments[axis] = $0 }
                // There is no basis before the first step.
                guard reader.contains("basis\(axis)") else { continue }
                reader.tensor("basis\(axis)", like: moment) { self.states[index].bases[axis] = $0 }
            }
        }
    }
}
