import Optimization
import Torch

/// A part of the batch that the model is to be run on.
enum BatchPart {
    /// One of the parts that the batch consists of.
    case part(Int)
    /// The first examples, this share of the batch.
    case share(Double)

    /// The number of the part; of a share, of the first one, whose random numbers it draws.
    var number: Int { if case .part(let number) = self { number } else { 0 } }
}

/// The batch of a step, which the model may be run on more than once.
struct Batch {
    /// The number of the step, for messages.
    let step: Int
    let parts: Int
    /// Whether `BatchPart.share` can be run.
    let canRunShares: Bool
    /// Runs the user's model.
    let model: (BatchPart) throws -> Loss
    /// Gives each run of a part the random numbers of the first.
    private let replay = RandomReplay()

    init(step: Int, parts: Int = 1, canRunShares: Bool = false, model: @escaping (BatchPart) throws -> Loss) {
        (self.step, self.parts, self.canRunShares, self.model) = (step, parts, canRunShares, model)
    }

    /// Runs the model.
    ///
    /// - Throws: What the model throws, `OptimizerError` for data of no use, and `MemoryFault`.
    func loss(of part: BatchPart) throws -> Loss {
        try checkingBatch(step: step, part: parts > 1 ? part.number : nil) {
            let loss = try replay.run(part.number) { try model(part) }
            try MemoryFault.check()
            return loss
        }
    }

    /// Whether a share of the batch comes to all of it.
    func isWhole(_ share: Double) -> Bool { share == 1 || !canRunShares }
}
