package import Torch

extension [NamedParameter] {
    /// Stops the program if a tensor that is given for a parameter, a gradient say, is of another type.
    ///
    /// - Parameters:
    ///   - tensors: One for each parameter, or nil.
    ///   - operation: The name, for the message: "SGD.step(gradients:)".
    package func requireTypes(of tensors: [Tensor?], by operation: String) {
        for (parameter, tensor) in zip(self, tensors) {
            let type = parameter.tensor.dtype
            guard let tensor, tensor.dtype != type else { continue }
            fatalError(
                "\(operation): the tensor for the parameter '\(parameter.name)' is of type \(tensor.dtype), the parameter "
                    + "of type \(type): convert it by to(.\(type))")
        }
    }
}
