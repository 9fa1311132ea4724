public import Torch

/// A component of a module, with its name inside that module.
public enum Component {
    /// A tensor to be trained (or, while it does not require a gradient, a frozen one).
    case parameter(String, Tensor)
    /// A tensor that belongs to the state, but is not trained: running statistics.
    case buffer(String, Tensor)
    /// A module inside of the module.
    case module(String, any Module)
}

extension Component {
    /// Finds the components in the stored properties of a module; those of its superclasses come first.
    static func reflecting(_ module: any Module) -> [Component] {
        var classes: [Mirror] = []
        var next: Mirror? = Mirror(reflecting: module)
        while let mirror = next {
            classes.append(mirror)
            next = mirror.superclassMirror
        }
        var components: [Component] = []
        for mirror in classes.reversed() {
            for child in mirror.children { collect(child.value, child.label ?? "", into: &components) }
        }
        return components
    }

    private static func collect(_ value: Any, _ name: String, into components: inout [Component]) {
        switch value {
        case let tensor as Tensor: components.append(.parameter(name, tensor))
        case let module as any Module: components.append(.module(name, module))
        case let buffer as Buffer:
            // `@Buffer var mean` is stored as `_mean`.
            let name = name.hasPrefix("_") ? String(name.dropFirst()) : name
            components.append(.buffer(name, buffer.wrappedValue))
        default: collectInside(Mirror(reflecting: value), name, into: &components)
        }
    }

    private static func collectInside(_ mirror: Mirror, _ name: String, into components: inout [Component]) {
        switch mirror.displayStyle {
        case .optional:
            for child in mirror.children { collect(child.value, name, into: &components) }
        case .collection, .tuple, .struct:
            for (index, child) in mirror.children.enumerated() {
                // The elements of a tuple without labels are called ".0", ".1".
                let label = child.label.map { $0.hasPrefix(".") ? String($0.dropFirst()) : $0 }
                collect(child.value, "\(name).\(label ?? "\(index)")", into: &components)
            }
        case .dictionary:
            let entries = mirror.children.compactMap { $0.value as? (key: String, value: Any) }
            for entry in entries.sorted(by: { $0.key < $1.key }) {
                collect(entry.value, "\(name).\(entry.key)", into: &components)
            }
        default: break
        }
    }
}
