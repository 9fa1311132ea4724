public import Torch

extension Module {
    /// The module itself, with the name "", and each module inside it, a module before those inside it.
    ///
    /// A module that is reached in several ways is listed once, under its first name.
    public var namedModules: [(name: String, module: any Module)] {
        var seen: Set<ObjectIdentifier> = []
        var found: [(name: String, module: any Module)] = []
        func visit(_ module: any Module, _ name: String) {
            guard seen.insert(ObjectIdentifier(module)).inserted else { return }
            found.append((name, module))
            for case .module(let inner, let child) in module.components { visit(child, name.dotted(inner)) }
        }
        visit(self, "")
        return found
    }

    /// The parameters of this module and all modules inside it, frozen ones too, in a fixed order.
    ///
    /// The names join those of the modules on the way by dots: "blocks.0.convolution1.weight". A tensor that is shared
    /// is listed once, under its first name.
    public var namedParameters: [NamedParameter] {
        tensors.filter { !$0.isBuffer }.map { NamedParameter($0.name, $0.tensor) }
    }

    /// The parameters of this module and all modules inside it, frozen ones too, in the order of their names' list.
    public var parameters: [Tensor] { namedParameters.map(\.tensor) }

    /// The parameters that require a gradient: what an optimiser changes.
    public var trainableParameters: [Tensor] { parameters.filter(\.requiresGradient) }

    /// The buffers of this module and all modules inside it, in a fixed order.
    public var namedBuffers: [(name: String, buffer: Tensor)] {
        tensors.filter(\.isBuffer).map { ($0.name, $0.tensor) }
    }

    /// The number of elements of all parameters, frozen ones too; a shared one counts once.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

    /// Excludes the parameters of this module from training, or takes them in again.
    public func freeze(_ isFrozen: Bool = true) {
        for parameter in parameters { parameter.requiringGradient(!isFrozen) }
    }

    /// Parameters and buffers in the order in which they are found, each once.
    private var tensors: [(name: String, tensor: Tensor, isBuffer: Bool)] {
        var modules: Set<ObjectIdentifier> = []
        var seen: Set<Tensor.ID> = []
        var names: Set<String> = []
        var found: [(name: String, tensor: Tensor, isBuffer: Bool)] = []
        func add(_ tensor: Tensor, _ name: String, isBuffer: Bool) {
            guard seen.insert(tensor.id).inserted else { return }
            guard names.insert(name).inserted else {
                fatalError("\(type(of: self)): two different tensors have the name '\(name)'")
            }
            found.append((name, tensor, isBuffer))
        }
        func visit(_ module: any Module, _ name: String) {
            guard modules.insert(ObjectIdentifier(module)).inserted else { return }
            for component in module.components {
                switch component {
                case .parameter(let inner, let tensor): add(tensor, name.dotted(inner), isBuffer: false)
                case .buffer(let inner, let tensor): add(tensor, name.dotted(inner), isBuffer: true)
                case .module(let inner, let child): visit(child, name.dotted(inner))
                }
            }
        }
        visit(self, "")
        return found
    }
}

extension String {
    /// The name of something inside of what this string names.
    func dotted(_ inner: String) -> String { isEmpty ? inner : "\(self).\(inner)" }
}
