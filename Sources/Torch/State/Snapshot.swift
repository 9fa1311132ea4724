/// The state of something at one moment, as tensors by name: copied, to be restored bit for bit.
///
/// Names are paths whose parts are joined by dots ("layers.conv1.input.value"). Numbers and bytes are tensors, too, so
/// that a snapshot is exactly what a ``Safetensors`` file can hold. The order in which a tensor lies in memory is part
/// of it, as products of matrices that lie otherwise can differ in their last bits: a tensor that is not row-major is
/// stored with its axes in the order of its memory, and its name ends in that order ("basis@1,0").
public struct Snapshot: Sendable {
    /// The tensors as they are stored, by name.
    public private(set) var tensors: [String: Tensor]
    private var prefix = ""

    /// Creates an empty snapshot.
    public init() { tensors = [:] }

    /// Takes tensors that were stored before.
    public init(tensors: [String: Tensor]) { self.tensors = tensors }

    /// Copies a tensor.
    public mutating func set(_ name: String, _ tensor: Tensor) {
        let tensor = tensor.detached()
        guard let order = tensor.memoryOrder else {
            store(name, tensor.isContiguous ? tensor.copy() : tensor.contiguous())
            return
        }
        let suffix = order.map(String.init).joined(separator: ",")
        store("\(name)@\(suffix)", tensor.permuted(order).copy())
    }

    /// Stores a number exactly.
    public mutating func set(_ name: String, _ number: Double) { store(name, Tensor([number])) }

    /// Stores a number exactly.
    public mutating func set(_ name: String, _ number: Int) { store(name, Tensor([number])) }

    /// Stores bytes.
    public mutating func set(_ name: String, _ bytes: [UInt8]) { store(name, Tensor(bytes)) }

    /// Stores a text.
    public mutating func set(_ name: String, _ text: String) { set(name, Array(text.utf8)) }

    /// Stores what `body` stores, under names that begin with `name`.
    public mutating func under(_ name: String, _ body: (inout Snapshot) -> Void) {
        let outer = prefix
        prefix = path(name)
        body(&self)
        prefix = outer
    }

    /// Takes over another snapshot, under names that begin with `name`.
    public mutating func set(_ name: String, _ other: Snapshot) {
        under(name) { snapshot in
            for (name, tensor) in other.tensors { snapshot.store(name, tensor) }
        }
    }

    /// The tensors under names that begin with `name`.
    public func part(_ name: String) -> Snapshot {
        let start = "\(path(name))."
        let inside = tensors.filter { $0.key.hasPrefix(start) }
            .map { (String($0.key.dropFirst(start.count)), $0.value) }
        return Snapshot(tensors: Dictionary(uniqueKeysWithValues: inside))
    }

    private func path(_ name: String) -> String { prefix.isEmpty ? name : "\(prefix).\(name)" }

    private mutating func store(_ name: String, _ tensor: Tensor) {
        guard tensors.updateValue(tensor, forKey: path(name)) == nil else {
            fatalError("Snapshot.set: '\(path(name))' is stored twice")
        }
    }
}

extension Snapshot {
    /// Whether something can be stored under a name, and be found again: it is not empty, one line, and does not end
    /// like the order of axes in memory.
    package static func canStore(_ name: String) -> Bool {
        !name.isEmpty && !name.contains(where: \.isNewline) && parse(name).order == nil
    }

    /// A name as it is stored, taken apart into the name and the order of the axes in memory.
    static func parse(_ stored: String) -> (name: String, order: [Int]?) {
        guard let sign = stored.lastIndex(of: "@") else { return (stored, nil) }
        let numbers = stored[stored.index(after: sign)...].split(separator: ",", omittingEmptySubsequences: false)
        let order = numbers.compactMap { Int($0) }
        guard order.count == numbers.count, order.sorted() == Array(order.indices) else { return (stored, nil) }
        return (String(stored[..<sign]), order)
    }
}

extension Tensor {
    /// The axes in the order in which they lie in memory, where this is not row-major but has no gaps; otherwise nil.
    fileprivate var memoryOrder: [Int]? {
        guard !isContiguous else { return nil }
        let (shape, strides) = (shape, strides)
        let order = shape.indices.sorted { (-strides[$0], shape[$0], $0) < (-strides[$1], shape[$1], $1) }
        var expected = 1
        for axis in order.reversed() where shape[axis] != 1 {
            guard strides[axis] == expected else { return nil }
            expected *= shape[axis]
        }
        return order
    }
}
