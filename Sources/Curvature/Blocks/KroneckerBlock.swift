public import Torch

/// The curvature of a layer with a weight as a Kronecker product of two factors: F ≈ c · G ⊗ A.
///
/// A is the second moment of the inputs (or patches, with the bias's 1 as the last coordinate), G that of the output
/// gradients, both means over examples and locations; c is the mean number of locations of an example, over all uses of
/// the weight, averaged as the factors are. (Martens & Grosse 2015; convolutions: Grosse & Martens 2016, KFC; several
/// uses: Martens, Ba & Johnson 2018, section 3.1, the independent approximation; sharing: ``Approximation/Sharing``.)
///
/// Parameters are taken as the matrix that the weight's memory is, of rows of its first axis, with the bias as the last
/// column: [outputs, inputs (+ 1)], F = c · G ⊗ A. An embedding's weight and that of a transposed convolution have the
/// inputs first: F = c · A ⊗ G. Of several groups, each has a product of its own.
///
/// Positions that the loss masks or ignores count neither in A, nor in G, nor in c. In linear layers and
/// embeddings this goes for every position whose output gradients are exactly zero, in convolutions for masked examples
/// and for positions outside of ``/Torch/countingPositions(_:_:)``.
///
/// The damping λ of the mean loss's curvature is shared: A + π√(λ/c) · I, G + √(λ/c)/π · I, with
/// π² = (tr A / dim A) / (tr G / dim G), and π = 1 where a trace is zero; or it is added to the product itself, see
/// ``DampingSplit``.
public final class KroneckerBlock: CurvatureBlock {
    public let name: String
    public let parameters: [NamedParameter]
    /// A, the moment of what goes in.
    public let input: any FisherFactor
    /// G, the moment of the gradients of what comes out.
    public let output: any FisherFactor

    let order: Order
    /// The number of groups that have a product of their own each.
    private let groups: Int
    private let update: (BlockStatistics) -> Double
    private(set) var locationCount = LocationCount()

    /// Which factor the rows of the weight belong to.
    enum Order {
        case outputsFirst
        case inputsFirst
    }

    /// Creates a block of factors that `update` moves; it returns the mean number of locations of an example.
    init(
        _ parameters: [NamedParameter], input: any FisherFactor, output: any FisherFactor,
        order: Order = .outputsFirst, groups: Int = 1, update: @escaping (BlockStatistics) -> Double
    ) {
        self.parameters = parameters
        name = layerName(of: parameters)
        self.input = input
        self.output = output
        self.order = order
        self.groups = groups
        self.update = update
    }

    /// Whether a product has the sides of this block's factors.
    package func fits(_ product: KroneckerOperator) -> Bool {
        guard groups == 1 else { return true }
        let sides = order == .outputsFirst ? (output.dimension, input.dimension) : (input.dimension, output.dimension)
        return (product.left.dimension, product.right.dimension) == sides
    }

    public func updateStatistics(_ statistics: BlockStatistics) {
        let count = update(statistics)
        guard !MemoryFault.hasOccurred else { return }
        locationCount.update(count, decay: statistics.decay, weight: statistics.normalizer)
    }

    /// Lets the batches so far fade by one without a use.
    func fade(decay: Double, weight: Double) {
        for factor in [input, output] { factor.fade(decay: decay) }
        locationCount.update(0, decay: decay, weight: weight)
    }

    public func curvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        if isDampedExactly(damping) { return try snapshot(inputDamping: 0, outputDamping: 0).damped(by: damping) }
        let split = split(damping)
        return try snapshot(inputDamping: split.input, outputDamping: split.output)
    }

    public func inverseCurvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try inverseCurvature(damping: damping, applications: .max)
    }

    public func inverseCurvature(
        damping: Double, applications: Int
    ) throws(LinearAlgebraError) -> any SymmetricOperator {
        guard !isDampedExactly(damping) else { return try curvature(damping: damping).inverse() }
        // The factors' inverses, without copies of the factors. Each is applied to as many vectors as the other has
        // rows.
        let split = split(damping)
        func inverse(
            of factor: any FisherFactor, _ damping: Double, other: any FisherFactor
        ) throws(LinearAlgebraError) -> any SymmetricOperator {
            let (count, overflows) = applications.multipliedReportingOverflow(by: other.dimension)
            return try factor.average.dampedInverse(damping, vectorCount: overflows ? .max : count)
        }
        return product(
            try inverse(of: output, split.output, other: input), try inverse(of: input, split.input, other: output)
        ).scaled(by: 1 / locationCount.value)
    }

    func split(_ damping: Double) -> FactoredDamping {
        FactoredDamping(
            damping: damping / locationCount.value, split: input.settings.dampingSplit,
            inputMeanDiagonal: input.meanDiagonal, outputMeanDiagonal: output.meanDiagonal)
    }

    public func inverseUpdate(
        damping: Double
    ) throws(LinearAlgebraError) -> @Sendable () throws(LinearAlgebraError) -> any SymmetricOperator {
        guard isDampedExactly(damping) else {
            let curvature = try curvature(damping: damping)
            return { () throws(LinearAlgebraError) in try curvature.inverse() }
        }
        let curvature = try snapshot(inputDamping: 0, outputDamping: 0)
        return { () throws(LinearAlgebraError) in try curvature.damped(by: damping).inverse() }
    }

    func isDampedExactly(_ damping: Double) -> Bool {
        input.settings.dampingSplit == .exact && damping != 0
    }

    /// c · G ⊗ A of copies of the damped factors.
    private func snapshot(
        inputDamping: Double, outputDamping: Double
    ) throws(LinearAlgebraError) -> any SymmetricOperator {
        let output = try output.average.damped(by: outputDamping)
        let input = try input.average.damped(by: inputDamping)
        return product(output, input).scaled(by: locationCount.value)
    }

    /// The Kronecker product in the order of the weight's memory.
    func product(_ output: any SymmetricOperator, _ input: any SymmetricOperator) -> any SymmetricOperator {
        let (left, right) = order == .outputsFirst ? (output, input) : (input, output)
        guard groups > 1 else { return KroneckerOperator(left, right) }
        if let left = left as? GroupedOperator, let right = right as? GroupedOperator,
            left.blocks.shape[0] == groups, right.blocks.shape[0] == groups
        {
            return GroupedKroneckerOperator(left, right)
        }
        return DirectSumOperator(
            zip(left.diagonalBlocks(groups), right.diagonalBlocks(groups)).map { KroneckerOperator($0, $1) })
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.under("input") { input.save(to: &$0) }
        snapshot.under("output") { output.save(to: &$0) }
        snapshot.under("locations") { locationCount.save(to: &$0) }
    }

    public func restore(from reader: SnapshotReader) {
        input.restore(from: reader.under("input"))
        output.restore(from: reader.under("output"))
        locationCount.restore(from: reader.under("locations")) { self.locationCount = $0 }
    }

    public func vector(from tensors: [Tensor]) -> Tensor {
        weightAndBiasVector(from: tensors)
    }

    public func tensors(from vector: Tensor) -> [Tensor] {
        weightAndBiasTensors(from: vector)
    }
}

extension CurvatureBlock {
    /// A weight and, if there is one, a bias as the last column of its matrix, row by row.
    func weightAndBiasVector(from tensors: [Tensor]) -> Tensor {
        let weight = tensors[0].flattened(from: 1)
        guard parameters.count > 1 else { return weight.reshaped([-1, 1]) }
        return Tensor.concatenate([weight, tensors[1].expanded(at: 1)], axis: 1).reshaped([-1, 1])
    }

    /// The inverse of ``weightAndBiasVector(from:)``.
    func weightAndBiasTensors(from vector: Tensor) -> [Tensor] {
        let shape = parameters[0].tensor.shape
        guard parameters.count > 1 else { return [vector.reshaped(shape)] }
        let matrix = vector.reshaped([shape[0], -1])
        let inputs = matrix.shape[1] - 1
        return [matrix[.all, 0..<inputs].reshaped(shape), matrix[.all, inputs]]
    }
}

/// The mean number of locations of an example, averaged over batches by their decayed numbers of examples.
struct LocationCount {
    private var mean = 1.0
    private var totalWeight = 0.0

    /// The number; 1 as long as no location has counted.
    var value: Double { mean > 0 ? mean : 1 }

    /// Moves the average by a batch.
    mutating func update(_ count: Double, decay: Double, weight: Double) {
        totalWeight = decay * totalWeight + weight
        mean += (count - mean) * weight / totalWeight
    }

    func save(to snapshot: inout Snapshot) {
        snapshot.set("value", mean)
        snapshot.set("totalWeight", totalWeight)
    }

    func restore(from reader: SnapshotReader, _ assign: @escaping (LocationCount) -> Void) {
        for name in ["value", "totalWeight"] { reader.requireSquares(name) }
        guard let value = reader.number("value"), let weight = reader.number("totalWeight") else { return }
        var restored = self
        (restored.mean, restored.totalWeight) = (value, weight)
        reader.whenFitting { [restored] in assign(restored) }
    }
}

/// The common part of the parameters' names: "features.0" of "features.0.weight" and "features.0.bias".
func layerName(of parameters: [NamedParameter]) -> String {
    if parameters.count > 2 { return parameters.map(\.name).joined(separator: ", ") }
    let name = parameters[0].name
    return name.hasSuffix(".weight") ? String(name.dropLast(7)) : name
}
