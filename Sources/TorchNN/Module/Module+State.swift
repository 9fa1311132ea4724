public import Torch

extension Module {
    /// Copies the state by name: parameters, buffers, and the states of random generators ("dropout.generator").
    ///
    /// The copies are the caller's: they stay as they are while training goes on. They can be written by
    /// ``/Torch/Safetensors``.
    public func state() -> [String: Tensor] {
        var state: [String: Tensor] = [:]
        for (name, tensor) in namedTensors { state[name] = tensor.detached().copy() }
        for (name, module) in namedStochasticModules { state[name] = Tensor(module.generator.state) }
        return state
    }

    /// Writes a state into the parameters, buffers and generators of this module.
    ///
    /// Elements are converted to the types and moved to the devices that the module has. A state of tensors of this
    /// module itself is read before anything is written. Everything is compared first: if an error is thrown,
    /// nothing was written. Without the entry of a generator, that generator stays as it is.
    ///
    /// Elements that are NaN or infinite are taken as they are.
    ///
    /// - Throws: ``ModuleStateError`` if an entry is missing, unexpected, damaged, does not fit in shape or type,
    ///   has finite elements that the module's type cannot hold, or is a running variance with negative elements.
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
            if fits, source.overflows(tensor.dtype) { error.overflowing.append(name) }
        }
        for (name, module) in namedModules where module is BatchNormalization {
            let variance = name.dotted("runningVariance")
            if let source = state[variance], (source .< 0).any() { error.negative.append(variance) }
        }
        var restored: [(module: any StochasticModule, generator: RandomGenerator)] = []
        for (name, module) in generators {
            guard let source = state[name] else { continue }
            var generator = module.generator
            let current = Tensor(generator.state)
            guard source.shape == current.shape, source.dtype == current.dtype else {
                error.add(mismatch: name, expected: current, found: source)
                continue
            }
            do {
                try generator.restore(source.array(of: UInt8.self))
                restored.append((module, generator))
            } catch _ { error.damaged.append(name) }
        }
        let known = Set(tensors.map(\.name) + generators.map(\.name))
        error.unexpected = state.keys.filter { !known.contains($0) }.sorted()
        guard error.isEmpty else { throw error }

        // A state may hold this module's own tensors, under other names too.
        withoutGradients { Tensor.assign(tensors.map { (source: state[$0.name]!, target: $0.tensor) }) }
        for (module, generator) in restored { module.generator = generator }
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

extension Tensor {
    /// Whether finite elements are infinite in another floating-point type.
    fileprivate func overflows(_ type: DType) -> Bool {
        dtype == .float64 && type == .float32 && (to(type).isFinite() .!= isFinite()).any()
    }
}
