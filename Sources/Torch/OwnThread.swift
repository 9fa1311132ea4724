import Foundation

/// The thread that made this value: task-local values reach other threads by the tasks that code starts.
package struct OwnThread: @unchecked Sendable {
    private let thread = pthread_self()

    package init() {}

    /// Whether this is that thread.
    package var isCurrent: Bool { pthread_equal(thread, pthread_self()) != 0 }
}

extension TaskLocal {
    /// Binds a value while `body` runs, and throws what it throws; `withValue` rethrows untyped.
    func binding<Result, Failure: Error>(
        _ value: Value, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outcome: Swift.Result<Result, Failure> = withValue(value) {
            do throws(Failure) {
                return .success(try body())
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}
