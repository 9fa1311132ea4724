import Curvature
package import Torch

/// Which parameters a step moves, and why it does not move the others.
package struct ParameterRoles {
    /// The role of each parameter at the last step.
    private var roles: [Tensor.ID: Role] = [:]
    /// The roles that were reported for each parameter, once.
    private var told: [Tensor.ID: Set<Role>] = [:]

    package init() {}

    private enum Role: Hashable {
        case moved
        /// It requires no gradient.
        case frozen
        /// The loss of the batch does not depend on it.
        case unused
    }

    /// Notes what becomes of parameters in a step.
    ///
    /// - Parameter isReached: Whether there is a gradient of a parameter.
    /// - Returns: Sentences for the user, one for each kind of change.
    package mutating func update(_ parameters: [NamedParameter], isReached: (NamedParameter) -> Bool) -> [String] {
        var names: [Role: [String]] = [:]
        for parameter in parameters {
            let id = parameter.tensor.id
            let role: Role =
                !parameter.tensor.requiresGradient ? .frozen : isReached(parameter) ? .moved : .unused
            let before = roles.updateValue(role, forKey: id)
            let isNews =
                switch role {
                case .moved: before == .frozen
                // Parameters that were frozen from the beginning are meant to be.
                case .frozen: before != nil && before != .frozen
                case .unused: before != .unused
                }
            if isNews, told[id, default: []].insert(role).inserted { names[role, default: []].append(parameter.name) }
        }
        return [Role.unused, .frozen, .moved].compactMap { role in
            guard let names = names[role] else { return nil }
            let list = names.joined(separator: ", ")
            let isOne = names.count == 1
            return switch role {
            case .unused:
                "the loss does not depend on \(list): \(isOne ? "it stays" : "they stay") unchanged at such steps"
            case .frozen:
                "\(list) no longer \(isOne ? "requires a gradient: it stays" : "require a gradient: they stay") unchanged"
            case .moved: "\(list) now \(isOne ? "requires a gradient and is" : "require a gradient and are") optimised"
            }
        }
    }
}
