/// Runs `body`; where it throws, running statistics that normalisations moved on the calling thread are put back.
///
/// What a batch moves before the fault of its data is found would stay otherwise.
///
/// - Throws: What `body` throws.
package func restoringRunningStatistics<Result>(_ body: () throws -> Result) throws -> Result {
    let moved = MovedStatistics()
    let outer = MovedStatistics.ofThisThread
    do {
        let result = try MovedStatistics.$current.withValue(moved, operation: body)
        // What fails further out puts these back, too.
        for (statistics, value) in moved.before { outer?.note(statistics, was: value) }
        return result
    } catch {
        moved.putBack()
        throw error
    }
}

/// The running statistics that a computation has moved, as they were before.
///
/// Confined to the thread that began the computation, although a task-local value must be sendable.
final class MovedStatistics: @unchecked Sendable {
    @TaskLocal fileprivate static var current: MovedStatistics?

    /// Those of the innermost computation that can put them back; nil outside of all.
    static var ofThisThread: MovedStatistics? { current.flatMap { $0.thread.isCurrent ? $0 : nil } }

    fileprivate private(set) var before: [(statistics: Tensor, value: Tensor)] = []
    private var known: Set<Tensor.ID> = []
    private let thread = OwnThread()

    fileprivate init() {}

    /// Keeps the value of statistics that are about to be moved.
    func keep(_ statistics: Tensor) {
        guard !known.contains(statistics.id) else { return }
        let value = statistics.detached().copy()
        // Where there is no memory for a copy, nothing is moved either.
        if !MemoryFault.hasOccurred { note(statistics, was: value) }
    }

    fileprivate func note(_ statistics: Tensor, was value: Tensor) {
        if known.insert(statistics.id).inserted { before.append((statistics, value)) }
    }

    fileprivate func putBack() {
        withoutGradients { for (statistics, value) in before { statistics.assign(value) } }
    }
}
