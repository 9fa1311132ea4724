import Foundation
import Torch

/// Changes a tensor of a safetensors file so that the file stays well formed.
///
/// Most bytes of such a file are numbers, whose change no reader notices, and most of the rest is a header, whose
/// change none survives. What readers of a state have to notice lies between: names, shapes, types, and single numbers.
enum TensorRewriting {
    /// Changes one tensor; leaves what is no such file as it is.
    @Sendable static func rewrite(_ bytes: inout [UInt8], _ chance: inout Chance) {
        guard var file = try? Safetensors(data: Data(bytes)), !file.tensors.isEmpty else { return }
        let names = file.tensors.keys.sorted()
        let name = chance.pick(names)
        let other = chance.pick(names)
        let tensor = file.tensors[name]!
        switch chance.below(12) {
        case 0: file.tensors[name] = nil
        case 1:
            file.tensors[name] = nil
            file.tensors[renamed(name, like: other, tensor, &chance)] = tensor
        case 2: file.tensors[renamed(name, like: other, tensor, &chance)] = tensor
        case 3: (file.tensors[name], file.tensors[other]) = (file.tensors[other], tensor)
        case 4: file.tensors[name] = file.tensors[other]
        case 5: file.tensors[name] = tensor.to(chance.pick([.float32, .float64, .int64, .uint8]))
        case 6, 7: file.tensors[name] = reshaped(tensor, &chance)
        default: file.tensors[name] = tensor.dtype == .uint8 ? text(tensor, &chance) : number(tensor, &chance)
        }
        if file.tensors["__metadata__"] == nil { bytes = Array(file.encoded()) }
    }

    private static func renamed(_ name: String, like other: String, _ tensor: Tensor, _ chance: inout Chance) -> String
    {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let others = other.split(separator: ".", omittingEmptySubsequences: false)
        switch chance.below(6) {
        case 0: return "\(name)x"
        // Another order of memory.
        case 1: return "\(name)@\(tensor.shape.indices.reversed().map(String.init).joined(separator: ","))"
        case 2: return (parts.dropLast() + others.suffix(1)).joined(separator: ".")
        case 3: return (others.dropLast() + parts.suffix(1)).joined(separator: ".")
        case 4: return parts.dropLast().joined(separator: ".")
        default:
            var parts = parts
            parts.insert(chance.pick(others), at: chance.below(parts.count + 1))
            return parts.joined(separator: ".")
        }
    }

    private static func reshaped(_ tensor: Tensor, _ chance: inout Chance) -> Tensor {
        let shape = tensor.shape
        switch chance.below(6) {
        case 0: return tensor.flattened()
        case 1: return tensor.reshaped(shape.reversed())
        case 2: return tensor.reshaped([1] + shape)
        case 3: return tensor.reshaped(shape + [1])
        case 4 where !shape.isEmpty && shape[0] > 0: return tensor[0..<chance.below(shape[0])]
        case 5 where !shape.isEmpty: return Tensor.concatenate([tensor, tensor])
        default: return Tensor.zeros([0], dtype: tensor.dtype)
        }
    }

    /// Puts an extreme number into one place, or into all.
    private static func number(_ tensor: Tensor, _ chance: inout Chance) -> Tensor {
        guard tensor.count > 0 else { return tensor }
        func replace<Scalar: TensorScalar>(_ values: [Scalar]) -> Tensor {
            var all = tensor.array(of: Scalar.self)
            let value = chance.pick(values)
            if chance.below(3) == 0 {
                all = all.map { _ in value }
            } else {
                all[chance.below(all.count)] = value
            }
            return Tensor(all, shape: tensor.shape)
        }
        switch tensor.dtype {
        case .float32:
            return replace(
                [0, -0.0, 1, -1, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, 3e38, -3e38, 1e20, 1e-20]
                    as [Float])
        case .float64:
            return replace(
                [0, -0.0, 1, -1, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, 1e308, -1e308, 1e20] as [Double])
        case .int64:
            return replace([0, 1, -1, 2, 3, 7, 100, 1 << 31, 1 << 53, .max, .max - 1, .min, .min + 1] as [Int])
        default: return tensor
        }
    }

    /// Changes a text, or bytes.
    private static func text(_ tensor: Tensor, _ chance: inout Chance) -> Tensor {
        var bytes = tensor.array(of: UInt8.self)
        guard !bytes.isEmpty, tensor.rank == 1 else { return Tensor([UInt8](repeating: 65, count: 3)) }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let place = chance.below(bytes.count)
        switch chance.below(6) {
        case 0: bytes[place] ^= 1 << UInt8(chance.below(8))
        case 1: bytes.removeLast(place + 1)
        case 2:
            let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
            bytes = Array((lines + [chance.pick(lines)]).joined(separator: [10]))
        case 3: bytes.insert(10, at: place)
        default:
            guard let first = bytes[place...].firstIndex(where: digits.contains) else { break }
            let end = bytes[first...].firstIndex { !digits.contains($0) } ?? bytes.count
            bytes.replaceSubrange(first..<end, with: chance.pick(Mutator.numbers).utf8)
        }
        return Tensor(bytes)
    }
}
