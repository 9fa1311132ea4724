import Curvature
import Optimization
import Torch

/// The form in which a block's curvature is applied to gradients.
enum CurvatureForm {
    /// The inverse of the damped curvature.
    case inverse
    /// The curvature in its eigenbasis, without damping.
    case eigenbasis
    /// The same, with eigenvalues from the gradients of examples.
    case correctedEigenbasis

    /// Whether gradients are turned into a basis.
    var isBasis: Bool { self != .inverse }
}

/// The inverse of a block's curvature that is in use, or the basis in its place.
struct BlockInverse {
    let block: any CurvatureBlock
    let matrix: any SymmetricOperator
    let form: CurvatureForm
    /// The step of the statistics that it is of.
    let step: Int
    /// Whether the last step has computed it.
    var isNew = true
    /// Whether the last step did not move the block, so that its inverse is not kept up to date.
    var isIdle = false
    /// Its relative error, where the last step has probed it.
    var staleness: Double?
    /// The replacement, if the inverse itself failed.
    var rung: InverseRung?
}

/// Inverses that another thread is computing.
struct PendingInverses {
    let update: InverseUpdate
    let form: CurvatureForm
    /// In the order of the update's results; nil for a block that was not moved meanwhile, whose result is dropped, so
    /// that resuming need not know of it.
    var blocks: [(any CurvatureBlock)?]
    let dampings: [Double]
    /// The step of the statistics that they are of.
    let step: Int
    /// The step that takes them into use.
    let useAt: Int

    /// Drops the results of all blocks but these.
    mutating func keep(_ moved: [any CurvatureBlock]) {
        blocks = blocks.map { block in block.flatMap { block in moved.contains { $0 === block } ? block : nil } }
    }
}
