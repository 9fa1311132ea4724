public import Foundation

// Errors that programs for people show by `localizedDescription` tell their one sentence there, too.

extension BenchmarkError: LocalizedError {
    public var errorDescription: String? { description }
}
