import CTorch

// Writing into memory that exists: every copy of the tensor sees the change. For optimisers and running statistics;
// a parameter that is being differentiated may only be written inside `withoutGradients`.
//
// Operands may be views of the memory that is written: they are read as they were before. A tensor of which several
// elements share an address (`broadcast(to:)`, overlapping `windows(along:size:step:)`) cannot be written.
extension Tensor {
    /// Writes the elements of `source`, converted and broadcast, into this tensor's memory.
    public func assign(_ source: Tensor) {
        perform("assign", with: source, explaining: OperandDefect.ofWriting) { ct_assign($0, source.handle.pointer) }
    }

    /// Writes `value` into each element.
    public func fill(_ value: Double) { perform("fill") { ct_fill($0, value) } }

    /// Adds scale · other to this tensor's memory.
    public func add(inPlace other: Tensor, scale: Double = 1) {
        perform("add(inPlace:)", with: other, explaining: OperandDefect.ofWriting) {
            ct_add_in_place($0, other.handle.pointer, scale)
        }
    }

    /// Adds a number to each element in memory.
    public func add(inPlace value: Double) { perform("add(inPlace:)") { ct_add_scalar_in_place($0, value) } }

    /// Multiplies this tensor's memory by a number.
    public func multiply(inPlace factor: Double) { perform("multiply(inPlace:)") { ct_mul_in_place($0, factor) } }

    /// Adds scale · a · b, element by element, to this tensor's memory.
    public func add(inPlaceProductOf a: Tensor, _ b: Tensor, scale: Double = 1) {
        perform("add(inPlaceProductOf:)", with: a, b, explaining: OperandDefect.ofWriting) {
            ct_addcmul_in_place($0, a.handle.pointer, b.handle.pointer, scale)
        }
    }

    /// Adds scale · a / b, element by element, to this tensor's memory.
    public func add(inPlaceQuotientOf a: Tensor, _ b: Tensor, scale: Double = 1) {
        perform("add(inPlaceQuotientOf:)", with: a, b, explaining: OperandDefect.ofWriting) {
            ct_addcdiv_in_place($0, a.handle.pointer, b.handle.pointer, scale)
        }
    }

    /// Moves this tensor's memory towards `target`: x ← x + weight · (target − x).
    public func interpolate(inPlaceTowards target: Tensor, weight: Double) {
        perform("interpolate(inPlaceTowards:)", with: target, explaining: OperandDefect.ofWriting) {
            ct_lerp_in_place($0, target.handle.pointer, weight)
        }
    }
}

extension Tensor {
    /// Whether both are views of one piece of memory, even if of different parts.
    package func sharesMemory(with other: Tensor) -> Bool {
        read { own in other.read { ct_shares_memory(own, $0) } }
    }

    /// The identity of the memory that this is a view of.
    package var memoryID: UInt { UInt(bitPattern: read { ct_memory($0) }) }

    /// Whether an element of both lies at one address; counted out where views are interleaved.
    package func overlaps(_ other: Tensor) -> Bool {
        var result = false
        perform("overlaps", with: other) { ct_overlap($0, other.handle.pointer, &result) }
        return result
    }

    /// This tensor, or a copy where it shares memory with one of `targets`, which are written before it is read.
    package func apart(from targets: [Tensor]) -> Tensor {
        targets.contains { sharesMemory(with: $0) } ? copy() : self
    }

    /// Writes each source into its target, as if all sources had been read before.
    package static func assign(_ pairs: [(source: Tensor, target: Tensor)]) {
        let targets = pairs.map(\.target)
        let sources = pairs.map { $0.source.apart(from: targets) }
        for (source, target) in zip(sources, targets) { target.assign(source) }
    }
}
