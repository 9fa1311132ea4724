public import Foundation

// Errors that programs for people show by `localizedDescription` tell their one sentence there, too.

extension DataFault: LocalizedError {
    public var errorDescription: String? { description }
}

extension FileError: LocalizedError {
    public var errorDescription: String? { description }
}

extension FileWriteError: LocalizedError {
    public var errorDescription: String? { description }
}

extension LinearAlgebraError: LocalizedError {
    public var errorDescription: String? { description }
}

extension MemoryFault: LocalizedError {
    public var errorDescription: String? { description }
}

extension RandomGeneratorStateError: LocalizedError {
    public var errorDescription: String? { description }
}

extension SafetensorsError: LocalizedError {
    public var errorDescription: String? { description }
}

extension SnapshotError: LocalizedError {
    public var errorDescription: String? { description }
}
