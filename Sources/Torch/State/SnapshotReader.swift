/// Puts a snapshot back: first everything is looked up and compared, then everything is written, or nothing.
///
///     let reader = SnapshotReader(snapshot, of: "optimizer")
///     reader.tensor("velocity", into: velocity)
///     reader.number("damping") { self.damping = $0 }
///     try reader.finish()
public final class SnapshotReader {
    private let all: All
    private let prefix: String

    /// The state that the readers of one snapshot share.
    private final class All {
        let what: String
        var tensors: [String: (tensor: Tensor, order: [Int]?)] = [:]
        var used: Set<String> = []
        var faults = SnapshotError.Faults()
        var writes: [(source: Tensor, target: Tensor)] = []
        var actions: [() -> Void] = []

        init(_ what: String) { self.what = what }
    }

    /// Creates a reader.
    ///
    /// - Parameter what: What the state is of, for errors: "the optimizer".
    public init(_ snapshot: Snapshot, of what: String) {
        all = All(what)
        prefix = ""
        for (stored, tensor) in snapshot.tensors {
            let (name, order) = Snapshot.parse(stored)
            let fits = order.map { $0.count == tensor.rank } ?? true
            all.tensors[fits ? name : stored] = (tensor, fits ? order : nil)
        }
    }

    private init(_ all: All, prefix: String) {
        self.all = all
        self.prefix = prefix
    }

    private func path(_ name: String) -> String { prefix.isEmpty ? name : "\(prefix).\(name)" }

    /// A reader of what is stored under names that begin with `name`.
    public func under(_ name: String) -> SnapshotReader { SnapshotReader(all, prefix: path(name)) }

    /// Whether something has this name, or a name that begins with it.
    public func contains(_ name: String) -> Bool {
        let path = path(name)
        return all.tensors[path] != nil || all.tensors.keys.contains { $0.hasPrefix("\(path).") }
    }

    /// The first parts of the names here, in order.
    public var names: [String] {
        let start = prefix.isEmpty ? "" : "\(prefix)."
        let own = all.tensors.keys.filter { $0.hasPrefix(start) }.map { $0.dropFirst(start.count) }
        return Set(own.map { String($0.prefix { $0 != "." }) }).sorted()
    }

    /// Writes a stored tensor into one of the same shape and type.
    public func tensor(_ name: String, into target: Tensor) {
        guard let stored = stored(name, like: target) else { return }
        all.writes.append((source: stored, target: target))
    }

    /// Gives a copy of a stored tensor of the shape and type of another, as it lay in memory, on the other's device.
    public func tensor(_ name: String, like target: Tensor, _ assign: @escaping (Tensor) -> Void) {
        guard let copy = tensor(name, like: target) else { return }
        all.actions.append { assign(copy) }
    }

    /// A copy of a stored tensor of the shape and type of another, as it lay in memory, on the other's device; nil, and
    /// a fault, if there is none.
    public func tensor(_ name: String, like target: Tensor) -> Tensor? {
        guard let stored = stored(name, like: target) else { return nil }
        return stored.to(target.device).apart(from: [stored])
    }

    /// A copy of a stored tensor as it lay in memory, of any shape; nil, and a fault, if there is none of this type.
    public func tensor(_ name: String, dtype: DType, device: Device) -> Tensor? {
        guard let stored = look(up: name) else { return nil }
        guard stored.dtype == dtype else {
            note(name, expected: "\(dtype)", found: stored)
            return nil
        }
        return stored.to(device).apart(from: [stored])
    }

    /// Gives a stored number.
    public func number(_ name: String, _ assign: @escaping (Double) -> Void) {
        guard let number = number(name) else { return }
        all.actions.append { assign(number) }
    }

    /// Gives a stored whole number.
    public func integer(_ name: String, _ assign: @escaping (Int) -> Void) {
        guard let number = integer(name) else { return }
        all.actions.append { assign(number) }
    }

    /// A stored number; nil, and a fault, if there is none.
    public func number(_ name: String) -> Double? {
        one(name, .float64).map { $0.array(of: Double.self)[0] }
    }

    /// A stored whole number from 0 to 2⁵³; nil, and a fault, if there is none.
    ///
    /// Nothing counts beyond that, and whoever goes on counting from there stays far from where integers end.
    public func integer(_ name: String) -> Int? {
        guard let number = one(name, .int64).map({ $0.array(of: Int.self)[0] }) else { return nil }
        guard Self.counts.contains(number) else {
            fault(name, "is \(number), a number from 0 to \(Self.counts.upperBound) was expected")
            return nil
        }
        return number
    }

    /// The whole numbers that a state may hold; see `Int.countOn(by:)`.
    package static let counts = 0...1 << 53

    /// Stored bytes; nil, and a fault, if there are none.
    public func bytes(_ name: String) -> [UInt8]? {
        guard let stored = look(up: name) else { return nil }
        guard stored.dtype == .uint8, stored.rank == 1 else {
            note(name, expected: "bytes", found: stored)
            return nil
        }
        return stored.array(of: UInt8.self)
    }

    /// A stored text; nil, and a fault, if there is none.
    public func text(_ name: String) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }

    /// Puts a random generator to where it stood; its device stays.
    public func generator(
        _ name: String, like generator: RandomGenerator, _ assign: @escaping (RandomGenerator) -> Void
    ) {
        guard let state = bytes(name) else { return }
        var restored = generator
        do { try restored.restore(state) } catch {
            under(name).fault("\(error)")
            return
        }
        let final = restored
        all.actions.append { assign(final) }
    }

    /// Does something once all is known to fit.
    public func whenFitting(_ action: @escaping () -> Void) { all.actions.append(action) }

    /// Notes something else that does not fit; the error says under which name.
    public func fault(_ text: String) { all.faults.others.append(prefix.isEmpty ? text : "'\(prefix)': \(text)") }

    /// Notes that a stored tensor does not fit.
    public func fault(_ name: String, _ text: String) { all.faults.others.append("'\(path(name))' \(text)") }

    /// Notes the tensors here that have elements that are NaN or infinite.
    package func requireFinite() {
        for (name, (tensor, _)) in all.tensors where name.hasPrefix("\(prefix).") && tensor.dtype.isFloatingPoint {
            if !tensor.isFinite().all() { all.faults.others.append("'\(name)' has elements that are NaN or infinite") }
        }
    }

    /// Notes a tensor of means of squares with elements that are negative; of matrices, which have such means on their
    /// diagonals, by more than rounding makes of zero.
    package func requireSquares(_ name: String, ofMatrices: Bool = false) {
        guard let (tensor, order) = all.tensors[path(name)], tensor.dtype.isFloatingPoint else { return }
        let own = Self.inOrder(tensor, order)
        // One of another shape does not fit anyway.
        guard !ofMatrices || own.rank >= 2 && own.shape[own.rank - 1] == own.shape[own.rank - 2] else { return }
        let squares = ofMatrices ? own.diagonal() : own
        guard squares.count > 0 else { return }
        let least = ofMatrices ? -1e-3 * squares.abs().max().scalar : 0
        if (squares .< least).any() { fault(name, "has negative elements where means of squares belong") }
    }

    /// Ignores what is stored under names that begin with `name`.
    public func skip(_ name: String) {
        let path = path(name)
        for name in all.tensors.keys where name == path || name.hasPrefix("\(path).") { all.used.insert(name) }
    }

    /// Writes everything, if everything fits.
    ///
    /// - Throws: ``SnapshotError`` if something is missing, nobody asked for something, or something has another
    ///   shape or type; nothing was written then.
    public func finish() throws(SnapshotError) {
        var faults = all.faults
        faults.unexpected = all.tensors.keys.filter { !all.used.contains($0) }.sorted()
        guard faults.isEmpty else { throw SnapshotError(what: all.what, faults: faults) }
        withoutGradients { Tensor.assign(all.writes) }
        for action in all.actions { action() }
        (all.writes, all.actions) = ([], [])
    }

    private func look(up name: String) -> Tensor? {
        let path = path(name)
        guard let (tensor, order) = all.tensors[path] else {
            all.faults.missing.append(path)
            return nil
        }
        all.used.insert(path)
        return Self.inOrder(tensor, order)
    }

    /// A tensor that is stored with its axes in the order of its memory.
    private static func inOrder(_ tensor: Tensor, _ order: [Int]?) -> Tensor {
        guard let order else { return tensor }
        var inverse = order
        for (position, axis) in order.enumerated() { inverse[axis] = position }
        return tensor.permuted(inverse)
    }

    private func stored(_ name: String, like target: Tensor) -> Tensor? {
        guard let stored = look(up: name) else { return nil }
        guard stored.shape == target.shape, stored.dtype == target.dtype else {
            note(name, expected: "\(target.dtype)\(target.shape)", found: stored)
            return nil
        }
        return stored
    }

    private func one(_ name: String, _ dtype: DType) -> Tensor? {
        guard let stored = look(up: name) else { return nil }
        guard stored.dtype == dtype, stored.count == 1 else {
            note(name, expected: "\(dtype)[1]", found: stored)
            return nil
        }
        return stored
    }

    private func note(_ name: String, expected: String, found: Tensor) {
        all.faults.mismatched.append("'\(path(name))' (expected \(expected), found \(found.dtype)\(found.shape))")
    }
}

extension Int {
    /// Adds a number, up to the greatest one that a state may hold: what was loaded can always be stored again.
    ///
    /// Nobody comes as far by counting.
    package mutating func countOn(by number: Int = 1) {
        self = Swift.min(self + number, SnapshotReader.counts.upperBound)
    }
}
