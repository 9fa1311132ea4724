import Torch

extension FisherFactor {
    /// Gradients with respect to several parameters as one vector.
    func joined(_ gradients: [Tensor]) -> Tensor {
        let joined = Tensor.concatenate(gradients.map { $0.flattened() })
        guard joined.count == dimension else {
            fatalError(
                "\(type(of: self)).update: gradients of shapes \(gradients.map(\.shape)) for \(dimension) parameters")
        }
        return joined
    }
}
