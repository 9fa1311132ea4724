import Foundation

/// Changes one value of a JSON text, which stays well formed: what readers make of numbers and names, not of brackets.
enum JSONRewriting {
    /// Changes a value; leaves what is no JSON as it is.
    @Sendable static func rewrite(_ bytes: inout [UInt8], _ chance: inout Chance) {
        guard let json = try? JSONSerialization.jsonObject(with: Data(bytes)) else { return }
        let changed = changed(json, &chance)
        guard JSONSerialization.isValidJSONObject(changed),
            let text = try? JSONSerialization.data(withJSONObject: changed, options: [.sortedKeys])
        else { return }
        bytes = Array(text)
    }

    /// A value with a change somewhere in it.
    private static func changed(_ value: Any, _ chance: inout Chance) -> Any {
        switch value {
        case var object as [String: Any] where !object.isEmpty && chance.below(12) != 0:
            let keys = object.keys.sorted()
            let key = chance.pick(keys)
            switch chance.below(12) {
            case 0: object[key] = nil
            case 1: object["\(key)x"] = object[key]
            case 2: object[key] = object[chance.pick(keys)]
            default: object[key] = changed(object[key]!, &chance)
            }
            return object
        case var list as [Any] where !list.isEmpty && chance.below(8) != 0:
            let place = chance.below(list.count)
            switch chance.below(6) {
            case 0: list.remove(at: place)
            case 1: list.append(list[place])
            default: list[place] = changed(list[place], &chance)
            }
            return list
        default: return other(&chance)
        }
    }

    private static func other(_ chance: inout Chance) -> Any {
        switch chance.below(18) {
        case 0: NSNull()
        case 1: true
        case 2: [Any]()
        case 3: [String: Any]()
        case 4...6: chance.pick(["", "NaN", "Infinity", "-Infinity", "0", "kfac", String(repeating: "a", count: 64)])
        case 7: chance.pick([0.5, -0.5, 1e308, -1e308, 5e-300, 1e20])
        default:
            chance.pick([0, 1, 2, 3, 6, 9, -1, 100, 1 << 31, 1 << 53, (1 << 53) + 1, Int.max, Int.max - 1, Int.min])
        }
    }
}
