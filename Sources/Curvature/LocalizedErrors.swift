public import Foundation

// Errors that programs for people show by `localizedDescription` tell their one sentence there, too.

extension CurvatureError: LocalizedError {
    public var errorDescription: String? { description }
}

extension FactorError: LocalizedError {
    public var errorDescription: String? { description }
}
