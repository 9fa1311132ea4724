public import Torch

/// The curvature of tied weights as a sum of two Kronecker products, one for each way in which the weight is used.
///
/// An embedding whose table is the output layer's weight, too, has F ≈ c₁ · A₁ ⊗ G₁ + c₂ · G₂ ⊗ A₂, with A₁ the
/// classes' frequencies; an autoencoder whose decoder takes the encoder's weight transposed has F ≈ c₁ · G₁ ⊗ A₁ + c₂ ·
/// A₂ ⊗ G₂. The uses are taken for independent of one another, as several uses of one kind are in ``KroneckerBlock``.
///
/// Each product takes half of the damping, shared between its factors as there (``DampingSplit/exact`` as
/// ``DampingSplit/traceRatio``), and the sum is inverted exactly. A side of more than ``denseLimit`` units, as the
/// classes of a vocabulary, keeps the diagonals of its factors only: an inverse then costs an eigendecomposition of the
/// other side, and memory of the weight's own size.
public final class KroneckerSumBlock: CurvatureBlock {
    /// The number of units of a side up to which its factors are dense.
    public static let denseLimit = 1024

    public let parameters: [NamedParameter]
    /// The products, one for each operation.
    public let terms: [KroneckerBlock]
    private let operations: [LayerUse.Operation]

    public var name: String { terms[0].name }

    /// Creates a block for a weight that exactly two of the operations ``/Torch/LayerUse/Operation/linear``,
    /// ``/Torch/LayerUse/Operation/transposedLinear`` and ``/Torch/LayerUse/Operation/embedding`` use; nil for others.
    public init?(
        weight: NamedParameter, operations: [LayerUse.Operation], sharing: Approximation.Sharing = .expand,
        settings: FactorSettings = FactorSettings()
    ) {
        var termSettings = settings
        if settings.dampingSplit == .exact { termSettings.dampingSplit = .traceRatio }
        let terms = operations.compactMap { operation -> KroneckerBlock? in
            guard operation.isOfVectors else { return nil }
            let structures = Self.structures(ofWeight: weight.tensor.shape, operation)
            return KroneckerBlock(
                weight: weight, bias: nil, operation: operation, inputStructure: structures.input,
                outputStructure: structures.output, sharing: operation == .embedding ? .expand : sharing,
                settings: termSettings)
        }
        guard terms.count == 2, operations.count == 2 else { return nil }
        parameters = [weight]
        self.terms = terms
        self.operations = operations
    }

    /// Which entries the factors of an operation keep.
    static func structures(
        ofWeight shape: [Int], _ operation: LayerUse.Operation
    ) -> (input: Approximation.Structure, output: Approximation.Structure) {
        func structure(ofAxis axis: Int) -> Approximation.Structure { shape[axis] <= denseLimit ? .dense : .diagonal }
        let outputAxis = operation == .linear ? 0 : 1
        return (
            operation == .embedding ? .dense : structure(ofAxis: 1 - outputAxis), structure(ofAxis: outputAxis)
        )
    }

    public func updateStatistics(_ statistics: BlockStatistics) {
        for (term, operation) in zip(terms, operations) {
            let own = statistics.uses.indices.filter { statistics.uses[$0].operation == operation }
            // A batch without this use has no curvature from it.
            guard !own.isEmpty else {
                term.fade(decay: statistics.decay, weight: statistics.normalizer)
                continue
            }
            term.updateStatistics(statistics.ofUses(own))
        }
    }

    public func curvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        KroneckerSumOperator(try product(0, damping), try product(1, damping))
    }

    /// A term with its half of the damping.
    private func product(_ index: Int, _ damping: Double) throws(LinearAlgebraError) -> KroneckerOperator {
        let curvature = try terms[index].curvature(damping: damping / 2)
        guard let product = curvature as? KroneckerOperator else {
            fatalError("KroneckerSumBlock of \(name): a term of the type \(type(of: curvature))")
        }
        return product
    }

    public func save(to snapshot: inout Snapshot) {
        for (index, term) in terms.enumerated() { snapshot.under("terms.\(index)") { term.save(to: &$0) } }
    }

    public func restore(from reader: SnapshotReader) {
        for (index, term) in terms.enumerated() { term.restore(from: reader.under("terms.\(index)")) }
    }

    public func vector(from tensors: [Tensor]) -> Tensor { weightAndBiasVector(from: tensors) }

    public func tensors(from vector: Tensor) -> [Tensor] { weightAndBiasTensors(from: vector) }
}

extension BlockStatistics {
    /// The statistics of some of the uses.
    func ofUses(_ numbers: [Int]) -> BlockStatistics {
        BlockStatistics(
            uses: numbers.map { uses[$0] }, gradients: gradients.map { source in numbers.map { source[$0] } },
            batchSize: batchSize, normalizer: normalizer, countedExamples: countedExamples,
            isMasked: isMasked, decay: decay)
    }
}
