public import Torch

/// Makes the block for an operation of one's own, from its weight and, where all uses share one, its bias.
///
/// ```swift
/// func gate(_ x: Tensor, by weight: Tensor) -> Tensor {
///     let y = x * weight
///     LayerUse.report(
///         LayerUse(operation: .custom("gate"), weight: weight, bias: nil, input: x, preActivation: y))
///     return y
/// }
/// let makers: [String: BlockMaker] = ["gate": { weight, _, _ in GateBlock(weight) }]
/// let optimizer = KFACOptimizer(parameters, blockMakers: makers)
/// ```
///
/// The block's ``CurvatureBlock/updateStatistics(_:)`` gets each use with the gradients of its pre-activation.
/// ``FactorBlock`` serves for what one factor describes; other blocks conform to ``CurvatureBlock`` themselves.
public typealias BlockMaker =
    @Sendable (
        _ weight: NamedParameter, _ bias: NamedParameter?, _ settings: FactorSettings
    ) throws -> any CurvatureBlock
