import Torch

/// How the graph of one batch's loss takes parameters and the uses of layers in.
struct ParameterGraph {
    /// For each parameter, whether it is optimised and the predictions depend on it.
    let isActive: [Bool]
    /// For each parameter, how often the graph takes it in, recorded or not.
    let useCounts: [Int]
    /// For each use, whether the predictions depend on it.
    let isReached: [Bool]

    /// Asks the graph.
    ///
    /// - Parameter outputs: What the curvature is estimated from.
    init(_ parameters: [NamedParameter], uses: [LayerUse], outputs: [Tensor]) {
        useCounts = graphUses(of: parameters.map(\.tensor), in: outputs)
        isReached = graphUses(of: uses.map(\.preActivation), in: outputs).map { $0 > 0 }
        isActive = zip(parameters, useCounts).map { $0.tensor.requiresGradient && $1 > 0 }
    }
}

extension Estimation {
    /// The tensors whose graph the estimated curvature depends on.
    func outputs(of loss: Loss) -> [Tensor] {
        switch self {
        case .empirical: loss.terms.map(\.perExample)
        case .sampled, .exact, .curvaturePropagation: loss.terms.flatMap(\.distribution.parameters)
        }
    }
}
