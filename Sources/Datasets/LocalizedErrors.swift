public import Foundation

// Errors that programs for people show by `localizedDescription` tell their one sentence there, too.

extension BatchSamplerStateError: LocalizedError {
    public var errorDescription: String? { description }
}

extension DatasetError: LocalizedError {
    public var errorDescription: String? { description }
}
