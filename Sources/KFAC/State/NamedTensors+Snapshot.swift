import Torch

// A tensor for each of some parameters, by their names.

extension Snapshot {
    /// Stores a tensor for each parameter: "NAME.parameter".
    mutating func set(_ name: String, _ tensors: [Tensor], of parameters: [NamedParameter]) {
        under(name) { snapshot in
            for (parameter, tensor) in zip(parameters, tensors) { snapshot.set(parameter.name, tensor) }
        }
    }
}

extension SnapshotReader {
    /// Reads a tensor for each parameter into memory that is there.
    func tensors(_ name: String, into targets: [Tensor], of parameters: [NamedParameter]) {
        let reader = under(name)
        for (parameter, target) in zip(parameters, targets) { reader.tensor(parameter.name, into: target) }
    }
}
