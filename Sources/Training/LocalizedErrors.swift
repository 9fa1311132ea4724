public import Foundation

// Errors that programs for people show by `localizedDescription` tell their one sentence there, too.

extension CheckpointError: LocalizedError {
    public var errorDescription: String? { description }
}

extension RunFolderError: LocalizedError {
    public var errorDescription: String? { description }
}

extension TrainingDataError: LocalizedError {
    public var errorDescription: String? { description }
}

extension TrainingMemoryError: LocalizedError {
    public var errorDescription: String? { description }
}
