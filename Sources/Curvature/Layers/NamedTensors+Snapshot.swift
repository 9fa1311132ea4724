package import Torch

// Parameters, and a tensor for each of some parameters, by their names.

extension Snapshot {
    /// Stores a tensor for each parameter: "NAME.parameter".
    package mutating func set(_ name: String, _ tensors: [Tensor], of parameters: [NamedParameter]) {
        under(name) { snapshot in
            for (parameter, tensor) in zip(parameters, tensors) { snapshot.set(parameter.name, tensor) }
        }
    }

    /// Stores which parameters something is of.
    package mutating func set(_ name: String, namesOf parameters: [NamedParameter]) {
        set(name, parameters.map(\.name).joined(separator: "\n"))
    }
}

extension SnapshotReader {
    /// Reads a tensor for each parameter into memory that is there.
    package func tensors(_ name: String, into targets: [Tensor], of parameters: [NamedParameter]) {
        let reader = under(name)
        for (parameter, target) in zip(parameters, targets) { reader.tensor(parameter.name, into: target) }
    }

    /// The parameters whose names are stored; a fault for each that is not there.
    package func parameters(_ name: String, among all: [NamedParameter]) -> [NamedParameter] {
        (text(name) ?? "").split(separator: "\n").compactMap { name in
            let parameter = all.first { $0.name == name }
            if parameter == nil { fault("there is no parameter '\(name)'") }
            return parameter
        }
    }
}
