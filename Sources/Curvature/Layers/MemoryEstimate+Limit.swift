extension MemoryEstimate {
    /// - Throws: ``CurvatureError/memoryExceeded(needed:available:largest:)`` if that is more than there is.
    func requireFitting(_ available: Int?) throws(CurvatureError) {
        guard let available, totalBytes > available else { return }
        throw .memoryExceeded(needed: totalBytes, available: available, largest: Array(factors.prefix(3)))
    }
}
