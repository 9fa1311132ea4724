import Foundation
import Optimization
import Torch

/// The rule of ``KLShampoo``.
final class KLShampooRule: EigenbasisRule {
    var configuration: KLShampoo.Configuration {
        didSet {
            configuration.requireFixed(since: oldValue)
            configuration.require(by: "KLShampoo")
        }
    }
    var memory: RuleMemory<Memory>

    struct Memory: EigenbasisMemory {
        let axes: PreconditionedAxes
        /// The mean of the gradients: with mean squares in the eigenbasis, otherwise as the parameter has them.
        var mean: Tensor
        /// The mean of their squares in the eigenbasis; nil where eigenvalues take its place.
        var square: Tensor?
        /// What is known along each axis that has a basis.
        var sides: [Side?]
        /// The number of gradients so far.
        var updateCount = 0

        var hasBasis: Bool { sides.contains { $0 != nil } }

        /// The second moment along an axis.
        struct Side {
            /// The average, [extent, extent].
            var moment: Tensor
            /// Its eigenvectors, as columns; nil until the first gradient.
            var basis: Tensor?
            /// Its eigenvalues, [extent].
            var values: Tensor
        }
    }

    init(_ parameters: [NamedParameter], _ configuration: KLShampoo.Configuration) {
        configuration.require(by: "KLShampoo")
        self.configuration = configuration
        // None of these may be changed.
        let (kernels, maximumExtent) = (configuration.kernels, configuration.maximumExtent)
        let (scaling, value) = (configuration.scaling, configuration.initialEigenvalue)
        memory = RuleMemory(parameters) { theta in
            let axes = PreconditionedAxes(theta.shape, kernels: kernels)
            let sides: [Memory.Side?] = axes.shape.map { extent in
                guard axes.shape.count > 1, extent <= maximumExtent else { return nil }
                return Memory.Side(
                    moment: Tensor.zeros([extent, extent], dtype: theta.dtype, device: theta.device),
                    values: Tensor.full([extent], value, dtype: theta.dtype, device: theta.device))
            }
            func zeros() -> Tensor { Tensor.zeros(axes.shape, dtype: theta.dtype, device: theta.device) }
            let hasSquare = scaling == .meanSquares || sides.allSatisfy { $0 == nil }
            return Memory(axes: axes, mean: zeros(), square: hasSquare ? zeros() : nil, sides: sides)
        }
    }

    var learningRate: Schedule { configuration.learningRate }
    var momentum: Double { configuration.beta1 }
    var weightDecay: Double { configuration.weightDecay }
    var period: Int { configuration.period }
    private var momentDecay: Double { configuration.momentDecay ?? configuration.beta2 }

    func isBounded(atStep step: Int) -> Bool {
        // Eigenvalues lag behind gradients, mean squares do not.
        configuration.scaling == .meanSquares && configuration.epsilon >= 1e-15
            && (0..<1).contains(configuration.beta2)
            && Self.isBounded(
                rate: configuration.learningRate(step), decay: configuration.weightDecay, momentum: configuration.beta1)
    }

    /// The moments of the first gradient and their eigenvectors, by descending eigenvalues.
    func started(_ own: Memory, _ gradient: Tensor) throws(LinearAlgebraError) -> Memory {
        var started = own
        let gradient = gradient.reshaped(own.axes.shape)
        for (axis, side) in own.sides.enumerated() {
            guard var side else { continue }
            side.moment = Tensor.zeros(like: side.moment)
            own.axes.addSecondMoment(
                of: gradient, axis: axis, to: side.moment, keep: 0, add: (1 - momentDecay) / others(own, axis))
            side.basis = try side.moment.symmetricEigen().vectors.flipped(1)
            started.sides[axis] = side
        }
        return started
    }

    /// One step of the power method for each basis; eigenvalues and mean squares stay.
    func turned(_ own: Memory) throws(LinearAlgebraError) -> Memory {
        var turned = own
        var rotations: [AxisFactor] = own.sides.map { _ in .identity }
        for (axis, side) in own.sides.enumerated() {
            guard let side, let basis = side.basis else { continue }
            let product = side.moment.matmul(basis)
            guard product.isFinite().all() else {
                throw LinearAlgebraError(
                    operation: "qr", shape: side.moment.shape, reason: "the matrix has elements that are not finite")
            }
            let new = try product.qr().orthogonal
            turned.sides[axis]?.basis = new
            rotations[axis] = .matrix(basis.transposed().matmul(new))
        }
        if configuration.scaling == .meanSquares { turned.mean = own.axes.applying(rotations, to: own.mean) }
        return turned
    }

    /// The direction in the shape of the axes; without bases, ``Adam``'s.
    func direction(_ own: Memory, _ gradient: Tensor) -> Tensor {
        guard own.hasBasis else { return adamDirection(own, gradient) }
        let gradient = gradient.reshaped(own.axes.shape)
        switch configuration.scaling {
        case .eigenvalues:
            own.mean.interpolate(inPlaceTowards: gradient, weight: 1 - configuration.beta1)
            let root =
                own.sides.indices.compactMap { axis in own.sides[axis].map { aligned($0.values, own, axis) } }
                .reduce(Tensor(1).to(gradient.dtype).to(gradient.device), *).squareRoot() + configuration.epsilon
            return own.axes.applying(own.back, to: own.axes.applying(own.forth, to: own.mean) / root)
        case .meanSquares:
            let projected = own.axes.applying(own.forth, to: gradient)
            return own.axes.applying(own.back, to: adam(own, projected, 1, 1))
        }
    }

    /// ``Adam``'s direction; the first gradient moved nothing.
    private func adamDirection(_ own: Memory, _ gradient: Tensor) -> Tensor {
        let count = Double(own.updateCount)
        return adam(
            own, gradient.reshaped(own.axes.shape), 1 - pow(configuration.beta1, count),
            1 - pow(configuration.beta2, count))
    }

    /// The mean, with one more gradient, over the root of the mean square, each divided by its bias.
    private func adam(_ own: Memory, _ gradient: Tensor, _ meanBias: Double, _ squareBias: Double) -> Tensor {
        let square = own.square!
        own.mean.interpolate(inPlaceTowards: gradient, weight: 1 - configuration.beta1)
        square.multiply(inPlace: configuration.beta2)
        square.add(inPlaceProductOf: gradient, gradient, scale: 1 - configuration.beta2)
        let rootBias = squareBias.squareRoot()
        let root = square.squareRoot()
        root.add(inPlace: configuration.epsilon * rootBias)
        return own.mean / root * (rootBias / meanBias)
    }

    /// Averages one more gradient into moments and eigenvalues, each whitened by the eigenvalues of the other axes
    /// before it.
    func fold(_ gradient: Tensor, into own: Memory) {
        guard own.hasBasis else { return }
        let gradient = gradient.reshaped(own.axes.shape)
        let keep = momentDecay
        let roots = own.sides.map { $0.map { $0.values.pow(-0.5) } }
        let projectedSquare = own.axes.applying(own.forth, to: gradient).squared()
        // All are formed before any changes.
        let diagonals: [Tensor?] = own.sides.indices.map { axis in
            guard own.sides[axis] != nil else { return nil }
            var whitened = projectedSquare
            for (other, side) in own.sides.enumerated() where other != axis {
                if let side { whitened = whitened / aligned(side.values, own, other) }
            }
            return whitened.transposed(0, axis).flattened(from: 1).mean(1)
        }
        for (axis, side) in own.sides.enumerated() {
            guard let side else { continue }
            let whitening: [AxisFactor] = own.sides.indices.map { other in
                guard other != axis, let basis = own.sides[other]?.basis, let root = roots[other] else {
                    return .identity
                }
                return .matrix(basis * root)
            }
            own.axes.addSecondMoment(
                of: own.axes.applying(whitening, to: gradient), axis: axis, to: side.moment, keep: keep,
                add: (1 - keep) / others(own, axis))
        }
        for (axis, diagonal) in diagonals.enumerated() {
            guard let side = own.sides[axis], let diagonal else { continue }
            let bound = max(10, min(Double(own.axes.shape[axis]), configuration.maximumScale))
            side.values.interpolate(inPlaceTowards: diagonal, weight: 1 - keep)
            side.values.assign(side.values.clamped(atLeast: 1 / (bound * bound)))
        }
    }

    /// The number of elements at each position of an axis.
    private func others(_ own: Memory, _ axis: Int) -> Double {
        Double(max(1, own.mean.count / max(1, own.axes.shape[axis])))
    }

    /// Numbers for the positions of an axis, in a shape that acts on tensors of all axes.
    private func aligned(_ values: Tensor, _ own: Memory, _ axis: Int) -> Tensor {
        values.reshaped(own.axes.shape.indices.map { $0 == axis ? own.axes.shape[axis] : 1 })
    }
}

extension KLShampooRule.Memory {
    /// The factors that turn into the eigenbasis.
    fileprivate var forth: [AxisFactor] { sides.map { $0?.basis.map { .matrix($0) } ?? .identity } }

    /// The factors that turn back.
    fileprivate var back: [AxisFactor] { sides.map { $0?.basis.map { .matrix($0.transposed()) } ?? .identity } }

    var tensors: [Tensor] {
        [mean] + (square.map { [$0] } ?? []) + sides.compactMap { $0 }.flatMap { [$0.moment, $0.values] }
    }

    func save(to snapshot: inout Snapshot) {
        snapshot.set("updateCount", updateCount)
        snapshot.set("mean", mean)
        if let square { snapshot.set("square", square) }
        for (axis, side) in sides.enumerated() {
            guard let side else { continue }
            snapshot.set("moment\(axis)", side.moment)
            snapshot.set("values\(axis)", side.values)
            if let basis = side.basis { snapshot.set("basis\(axis)", basis) }
        }
    }

    mutating func restore(from reader: SnapshotReader) {
        updateCount = reader.integer("updateCount") ?? 0
        mean = reader.tensor("mean", like: mean) ?? mean
        if let square {
            self.square = reader.tensor("square", like: square) ?? square
            reader.requireSquares("square")
        }
        for (axis, side) in sides.enumerated() {
            guard var side else { continue }
            reader.requireSquares("moment\(axis)", ofMatrices: true)
            reader.requireSquares("values\(axis)")
            side.basis = reader.tensor("basis\(axis)", like: side.moment)
            side.moment = reader.tensor("moment\(axis)", like: side.moment) ?? side.moment
            side.values = reader.tensor("values\(axis)", like: side.values) ?? side.values
            sides[axis] = side
        }
    }
}
