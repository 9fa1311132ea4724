public import Torch

extension Module {
    /// Copies the state by name: parameters, buffers, and the states of random generators ("dropout.generator").
    ///
    /// The copies are the caller's: they stay as they are while training goes on. They can be written by
    /// ``Torch/Safetensors``.
    public func state() -> [String: Tensor] {
        var state: [String: Tensor] = [:]
        for (name, tensor) in namedTensors { state[name] = tensor.detached().copy() }
        for (name, module) in namedStochasticModules { state[name] = Tensor(module.generator.state) }
        return state
    }

    /// Writes a state into the parameters, buffers and generators of this module.
    ///
    /// Elements are converted to the types and moved to the devices that the module has. Everything is compared first:
    /// where an error is thrown, nothing was written. Without the entry of a generator, that generator stays as it is.
    ///
    /// - Throws: ``ModuleStateError`` where an entry is missing, unexpected, or does not fit in shape or type.
    public func load(state: [String: Tensor]) throws(ModuleStateError) {
        let tensors = namedTensors
        let generators = namedStochasticModules

        var error = ModuleStateError(module: "\(type(of: self))")
        for (name, tensor) in tensors {
            guard let source = state[name] else {
                error.missing.append(name)
                continue
            }
            let fits = source.shape == tensor.shape && source.dtype.isFloatingPoint == tensor.dtype.isFloatingPoint
            if !fits { error.add(mismatch: name, expected: tensor, found: source) }
        }
        for (name, module) in generators {
            guard let source = state[name] else { continue }
            let current = Tensor(module.generator.state)
            let fits = source.shape == current.shape && source.dtype == current.dtype
            if !fits { error.add(mismatch: name, expected: current, found: source) }
        }
        let known = Set(tensors.map(\.name) + generators.map(\.name))
        error.unexpected = state.keys.filter { !known.contains($0) }.sorted()
        guard error.isEmpty else { throw error }

        withoutGradients {
            for (name, tensor) in tensors { tensor.assign(state[name]!) }
        }
        for (name, module) in generators {
            if let source = state[name] { module.generator.state = source.array(of: UInt8.self) }
        }
    }

    private var namedTensors: [(name: String, tensor: Tensor)] {
        namedParameters.map { ($0.name, $0.tensor) } + namedBuffers.map { ($0.name, $0.buffer) }
    }

    private var namedStochasticModules: [(name: String, module: any StochasticModule)] {
        namedModules.compactMap { name, module in
            (module as? any StochasticModule).map { (name.dotted("generator"), $0) }
        }
    }
}
