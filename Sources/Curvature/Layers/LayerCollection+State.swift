import Foundation
package import Torch

extension LayerCollection {
    /// Stores what the blocks are, and their running averages.
    package func save(to snapshot: inout Snapshot) {
        guard isPlanned else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let plans = layers.map { StoredPlan($0.plan, parameters: parameters) }
        // Names, numbers and lists of them: always valid JSON.
        snapshot.set("plans", Array(try! encoder.encode(plans)))
        snapshot.set("inactive", namesOf: zip(parameters, isActive).filter { !$0.1 }.map(\.0))
        snapshot.set("withoutBlock", namesOf: parameters.filter { withoutBlock.contains($0.tensor.id) })
        for (_, block) in layers { snapshot.under("blocks.\(block.name)") { block.save(to: &$0) } }
    }

    /// The collection that ``save(to:)`` stored, for the same parameters; faults where it does not fit them or the
    /// choices.
    ///
    /// Its blocks are new, and have their averages once the reader has found everything to fit.
    package func restored(from reader: SnapshotReader) -> LayerCollection {
        var collection = LayerCollection(self)
        guard reader.contains("plans"), let bytes = reader.bytes("plans") else { return collection }
        guard let stored = try? JSONDecoder().decode([StoredPlan].self, from: Data(bytes)) else {
            reader.fault("plans", "does not tell what the layers are")
            return collection
        }
        let numbers = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { ($1.name, $0) })
        var claimed: Set<Int> = []
        for own in stored {
            let members = own.parameters.compactMap { numbers[$0] }
            guard members.count == own.parameters.count, !members.isEmpty,
                claimed.isDisjoint(with: members), Set(members).count == members.count
            else {
                reader.fault("there is no layer of the parameters \(own.parameters.joined(separator: ", "))")
                continue
            }
            claimed.formUnion(members)
            let plan = own.plan(members)
            do {
                try requireChosen(plan)
                try requireFitting(plan)
                let block = try plan.block(of: members.map { parameters[$0] }, settings: settings, makers: makers)
                block.restore(from: reader.under("blocks.\(block.name)"))
                collection.layers.append((plan, block))
            } catch { reader.fault("\(error)") }
        }
        let inactive = Set(reader.parameters("inactive", among: parameters).map(\.tensor.id))
        collection.isActive = parameters.map { !inactive.contains($0.tensor.id) }
        collection.withoutBlock = Set(reader.parameters("withoutBlock", among: parameters).map(\.tensor.id))
        collection.memory = memory(of: collection.layers.map(\.plan))
        return collection
    }

    /// The same parameters and choices without blocks.
    private init(_ other: LayerCollection) {
        self = other
        (layers, isActive, withoutBlock, memory) = ([], [], [], nil)
        _ = takeMessages()
    }

    /// - Throws: ``StoredPlan/Mismatch`` if the choices want another approximation.
    private func requireChosen(_ plan: BlockPlan) throws {
        let members = plan.parameters.map { parameters[$0] }
        let chosen: Approximation
        if let link = choices.linked.first(where: { $0.contains(members[0].name) }) {
            chosen = link.approximation
        } else {
            let (choice, isExplicit) = choices.approximation(for: members[0], plan.kind, hasBias: members.count > 1)
            // A layer whose approximation was not chosen, and cannot be had, is generic by itself.
            guard isExplicit || plan.fallback == nil else { return }
            chosen = choice
        }
        guard chosen != plan.approximation else { return }
        throw StoredPlan.Mismatch(
            description: "\(layerName(of: members)) is approximated by "
                + "\(plan.approximation), \(chosen) was expected")
    }

    /// - Throws: ``StoredPlan/Mismatch`` if the parameters' shapes are none that the operation takes.
    private func requireFitting(_ plan: BlockPlan) throws {
        let weight = parameters[plan.parameters[0]].tensor
        for operation in plan.operations {
            let fits =
                switch operation {
                case .linear, .transposedLinear, .embedding: weight.rank == 2
                case .convolution(let geometry):
                    weight.rank == geometry.spatialRank + 2
                        && Array(weight.shape.dropFirst(2)) == geometry.kernel && weight.shape[0] % geometry.groups == 0
                case .scaleAndShift(let axes): weight.rank == axes.count && axes.allSatisfy { $0 > 0 }
                case .custom: true
                }
            guard fits else {
                throw StoredPlan.Mismatch(
                    description:
                        "\(parameters[plan.parameters[0]].name) has the shape \(weight.shape), which is none for "
                        + "\(operation)")
            }
        }
    }
}

/// The part of a block's plan that snapshots keep.
private struct StoredPlan: Codable {
    var parameters: [String]
    var operations: [LayerUse.Operation]
    var kind: LayerKind
    var approximation: Approximation
    var batchAxis: Int
    var isAxisSettled: Bool
    var fallback: FallbackReason?

    struct Mismatch: Error, CustomStringConvertible {
        let description: String
    }

    init(_ plan: BlockPlan, parameters all: [NamedParameter]) {
        parameters = plan.parameters.map { all[$0].name }
        operations = plan.operations
        kind = plan.kind
        approximation = plan.approximation
        batchAxis = plan.batchAxis
        isAxisSettled = plan.isAxisSettled
        fallback = plan.fallback
    }

    /// The plan for parameters of these numbers.
    func plan(_ numbers: [Int]) -> BlockPlan {
        BlockPlan(
            parameters: numbers, operations: operations, kind: kind, approximation: approximation,
            batchAxis: batchAxis, isAxisSettled: isAxisSettled, fallback: fallback)
    }
}
