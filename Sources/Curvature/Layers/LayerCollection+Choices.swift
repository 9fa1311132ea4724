import Torch

extension LayerCollection {
    /// Messages about choices of a user, once a first batch has shown the layers: which parameters they leave out, and
    /// which of them have no effect.
    package var choiceMessages: [String] {
        var messages: [String] = []
        let excluded = allNames.filter(choices.isExcluded)
        if !excluded.isEmpty {
            let consequence = excluded.count == 1 ? "it stays" : "they stay"
            messages.append("the choices exclude \(excluded.joined(separator: ", ")): \(consequence) unchanged")
        }
        let unused = makers.keys.filter { !madeByMakers.contains($0) }.sorted()
        if !unused.isEmpty {
            messages.append(
                "no layer of the first batch is an operation called \(unused.joined(separator: ", ")): "
                    + "\(unused.count == 1 ? "its block maker has" : "their block makers have") no effect")
        }
        return messages
    }

    /// The names of the custom operations whose blocks makers made.
    private var madeByMakers: Set<String> {
        var names: Set<String> = []
        for (plan, _) in layers where plan.approximation == .custom {
            if case .custom(let name)? = plan.operations.first { names.insert(name) }
        }
        return names
    }
}
