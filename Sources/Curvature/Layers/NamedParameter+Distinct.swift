import Torch

extension [NamedParameter] {
    /// Stops the program if a parameter is not of type float32 or float64, if two of them have one name, are one
    /// tensor, or have elements in common, if elements of one share an address, if one is the result of an operation,
    /// or if a state could not be stored under a name.
    ///
    /// Parameters may be views of one piece of memory if they do not overlap.
    package func requireDistinct(by owner: String) {
        var names: Set<String> = []
        var tensors: [Tensor.ID: String] = [:]
        var views: [UInt: [NamedParameter]] = [:]
        for parameter in self {
            let name = parameter.name
            guard parameter.tensor.dtype.isFullPrecision else {
                fatalError(
                    "\(owner): the parameter '\(name)' is of type \(parameter.tensor.dtype); float32 or float64 is needed, of which "
                        + "withMixedPrecision computes in bfloat16")
            }
            if let other = tensors.updateValue(name, forKey: parameter.tensor.id) {
                fatalError("\(owner): the parameters '\(other)' and '\(name)' are the same tensor")
            }
            guard names.insert(name).inserted else {
                fatalError("\(owner): two parameters have the name '\(name)'; each needs one of its own")
            }
            guard Snapshot.canStore(name) else {
                fatalError(
                    "\(owner): the parameter's name \(name.debugDescription) cannot be stored in a state; give it one that is not "
                        + "empty, has one line and does not end in '@' and numbers")
            }
            if parameter.tensor.isRecordedResult {
                fatalError(
                    "\(owner): the parameter '\(name)' is the result of an operation; give what it was computed from, or "
                        + "detached().copy().requiringGradient()")
            }
            if zip(parameter.tensor.shape, parameter.tensor.strides).contains(where: { $0 > 1 && $1 == 0 }) {
                fatalError(
                    "\(owner): elements of the parameter '\(name)' \(parameter.tensor.shape) share an address; give a copy()"
                )
            }
            let memory = parameter.tensor.memoryID
            if let other = views[memory, default: []].first(where: { $0.tensor.overlaps(parameter.tensor) }) {
                fatalError("\(owner): the parameters '\(other.name)' and '\(name)' share elements in memory")
            }
            views[memory, default: []].append(parameter)
        }
    }
}
