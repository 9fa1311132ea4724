import Optimization
import Torch

/// A rule's memory of one parameter.
protocol ParameterMemory {
    /// The tensors that updates write in place.
    var tensors: [Tensor] { get }

    /// Stores everything.
    func save(to snapshot: inout Snapshot)

    /// Reads what ``save(to:)`` stored; tensors that updates write may be written once all is known to fit.
    mutating func restore(from reader: SnapshotReader)
}

/// A rule's memory of its parameters, of each from its first gradient on.
///
/// Steps without a gradient of a parameter leave its memory as it is. Parameters that are never moved take no memory.
struct RuleMemory<Own: ParameterMemory> {
    let parameters: [NamedParameter]
    private let start: (_ parameter: Tensor) -> Own
    private var memories: [Own?]

    /// Remembers nothing yet.
    ///
    /// - Parameter start: What is remembered of a parameter before its first gradient.
    init(_ parameters: [NamedParameter], start: @escaping (_ parameter: Tensor) -> Own) {
        self.parameters = parameters
        self.start = start
        memories = parameters.map { _ in nil }
    }

    /// Begins to remember the parameters that have a gradient.
    mutating func begin(_ gradients: [Tensor?]) {
        for (index, _) in gradients.reached where memories[index] == nil {
            memories[index] = start(parameters[index].tensor.detached())
        }
    }

    /// The memory of a parameter that has had a gradient.
    subscript(index: Int) -> Own {
        get { memories[index]! }
        set { memories[index] = newValue }
    }

    /// A function that restores the tensors' present elements.
    func restorePoint() -> () -> Void {
        let pairs = memories.compactMap { $0?.tensors }.joined().map { (tensor: $0, copy: $0.copy()) }
        return { for (tensor, copy) in pairs { tensor.assign(copy) } }
    }

    /// Stores what is remembered, by the parameters' names.
    func save(to snapshot: inout Snapshot) {
        let known = zip(parameters, memories).compactMap { parameter, own in own.map { (parameter, $0) } }
        snapshot.set("names", namesOf: known.map(\.0))
        snapshot.under("parameters") { snapshot in
            for (parameter, own) in known { snapshot.under(parameter.name) { own.save(to: &$0) } }
        }
    }

    /// Gives what ``save(to:)`` stored, once all is known to fit.
    func restore(from reader: SnapshotReader, _ assign: @escaping (RuleMemory) -> Void) {
        var restored = RuleMemory(parameters, start: start)
        // It would go into the parameters.
        reader.under("parameters").requireFinite()
        let names = Set(reader.parameters("names", among: parameters).map(\.name))
        for (index, parameter) in parameters.enumerated() where names.contains(parameter.name) {
            var own = start(parameter.tensor.detached())
            own.restore(from: reader.under("parameters").under(parameter.name))
            restored.memories[index] = own
        }
        let memory = restored
        reader.whenFitting { assign(memory) }
    }
}

/// A rule all of whose memory is of single parameters.
protocol RememberingRule: GradientRule {
    associatedtype Memory: ParameterMemory

    var memory: RuleMemory<Memory> { get set }
}

extension RememberingRule {
    /// Runs a computation for one parameter's preconditioner; its failure names the parameter and the step.
    func naming<Result>(
        _ index: Int, _ step: Int, _ body: () throws(LinearAlgebraError) -> Result
    ) throws(OptimizerError) -> Result {
        do throws(LinearAlgebraError) { return try body() } catch {
            throw OptimizerError.preconditionerFailed(parameter: memory.parameters[index].name, step: step, error)
        }
    }

    func save(to snapshot: inout Snapshot) { memory.save(to: &snapshot) }

    func restore(from reader: SnapshotReader) { memory.restore(from: reader) { self.memory = $0 } }

    func replacePoint() -> () -> Void { { [self, memory] in self.memory = memory } }

    func restorePoint() -> () -> Void {
        let (memory, restore) = (memory, memory.restorePoint())
        return { [self] in
            restore()
            self.memory = memory
        }
    }
}
