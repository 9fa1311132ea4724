import Curvature
import Dispatch
import Synchronization
import Torch

/// An update of a block's inverse that can run on any thread: it holds a copy of the statistics.
typealias InverseTask = @Sendable () throws(LinearAlgebraError) -> any SymmetricOperator

/// An inverse, or why there is none.
typealias InverseResult = Result<any SymmetricOperator, LinearAlgebraError>

/// Inverses that another thread computes.
final class InverseUpdate: Sendable {
    private let values: Mutex<[InverseResult]> = Mutex([])
    /// Why there are no results.
    private let fault = Mutex<MemoryFault?>(nil)
    private let group = DispatchGroup()

    /// Takes results that another one computed.
    init(_ results: [InverseResult]) { values.withLock { $0 = results } }

    init(_ tasks: [InverseTask]) {
        DispatchQueue.global(qos: .userInitiated).async(group: group) { [self] in
            do {
                let results = try checkingMemory { withoutGradients { tasks.map { attempt($0) } } }
                values.withLock { $0 = results }
            } catch {
                fault.withLock { $0 = error as? MemoryFault }
            }
        }
    }

    /// Waits for the results, in the order of the tasks.
    ///
    /// - Throws: ``MemoryFault`` where there was no memory for them.
    func results() throws(MemoryFault) -> [InverseResult] {
        group.wait()
        if let fault = fault.withLock({ $0 }) { throw fault }
        return values.withLock { $0 }
    }
}

/// The value of `body`, or its error.
func attempt<Value>(_ body: () throws(LinearAlgebraError) -> Value) -> Result<Value, LinearAlgebraError> {
    do throws(LinearAlgebraError) { return .success(try body()) } catch { return .failure(error) }
}
