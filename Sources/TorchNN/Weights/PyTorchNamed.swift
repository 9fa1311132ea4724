public import Torch

/// A model whose parameters and buffers have other names in PyTorch's usual programs for it.
public protocol PyTorchNamed: Module {
    /// The name in PyTorch of something with a name of ``Module/namedParameters`` or ``Module/namedBuffers``.
    ///
    /// Buffers are asked for by the names that `pyTorchNames` gives them ("bn1.running_mean" for
    /// "normalization.running_mean").
    func pyTorchName(of name: String) -> String

    /// Other names under which files have it, by what a name begins with: ["linear.": "fc."].
    var pyTorchAliases: [String: String] { get }
}

extension PyTorchNamed {
    /// None.
    public var pyTorchAliases: [String: String] { [:] }
}

extension Module {
    /// The names in PyTorch of all parameters and buffers, by their own; the same names for models that are not
    /// ``PyTorchNamed``.
    var pyTorchNames: [String: String] {
        var names: [String: String] = [:]
        for name in namedParameters.map(\.name) + namedBuffers.map(\.name) {
            var other = name
            for (own, theirs) in [("runningMean", "running_mean"), ("runningVariance", "running_var")]
            where name.hasSuffix(own) {
                other = name.dropLast(own.count) + theirs
            }
            names[name] = (self as? any PyTorchNamed)?.pyTorchName(of: other) ?? other
        }
        return names
    }

    /// The parameters and buffers under the names that PyTorch's usual program for the model gives them.
    ///
    /// Written by ``/Torch/Safetensors``, `load_state_dict(safetensors.torch.load_file(path))` takes them as they are.
    /// Batch normalisations get a `num_batches_tracked`, which PyTorch wants and, with a fixed momentum, does not use.
    public func pyTorchWeights() -> [String: Tensor] {
        let names = pyTorchNames
        var weights: [String: Tensor] = [:]
        for (name, tensor) in namedParameters.map({ ($0.name, $0.tensor) }) + namedBuffers.map({ ($0.name, $0.buffer) })
        {
            weights[names[name]!] = tensor.detached().copy()
        }
        for name in weights.keys where name.hasSuffix(".running_mean") {
            weights["\(name.dropLast("running_mean".count))num_batches_tracked"] = Tensor([0], shape: [])
        }
        return weights
    }

    /// Writes weights under PyTorch's names, or under the model's own, into the model.
    ///
    /// Random generators stay as they are; `num_batches_tracked` is not needed. Elements are converted to the model's
    /// types and moved to its devices.
    ///
    /// - Throws: ``ModuleStateError`` if an entry is missing, unexpected, does not fit in shape or type, has NaN or
    ///   infinite elements in the model's type, or is not the only one for its tensor; nothing was written then.
    public func load(pyTorchWeights weights: [String: Tensor]) throws(ModuleStateError) {
        let names = pyTorchNames
        let own = Dictionary(names.map { ($0.value, $0.key) }) { first, _ in first }
        let aliases = (self as? any PyTorchNamed)?.pyTorchAliases ?? [:]
        var state: [String: Tensor] = [:]
        var entries: [String: [String]] = [:]
        var types: [String: DType] = [:]
        for (name, tensor) in namedParameters.map({ ($0.name, $0.tensor) }) + namedBuffers.map({ ($0.name, $0.buffer) })
        {
            types[name] = tensor.dtype
        }
        var error = ModuleStateError(module: "\(type(of: self))")
        for (name, tensor) in weights where !name.hasSuffix("num_batches_tracked") {
            let alias = aliases.first { name.hasPrefix($0.key) }.map { $0.value + name.dropFirst($0.key.count) }
            let known = names[name] != nil ? name : own[name] ?? alias.flatMap { own[$0] }
            state[known ?? name] = tensor
            entries[known ?? name, default: []].append(name)
            guard let type = types[known ?? name], type.isFloatingPoint, tensor.dtype.isFloatingPoint else { continue }
            // Elements may be finite in the file's type only.
            if !tensor.to(type).isFinite().all() { error.notFinite.append(name) }
        }
        error.notFinite.sort()
        error.ambiguous = entries.filter { $1.count > 1 }.sorted { $0.key < $1.key }
            .map { ModuleStateError.Ambiguity(name: $0, entries: $1.sorted()) }
        guard error.isEmpty else { throw error }
        try load(state: state)
    }
}
