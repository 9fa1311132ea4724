extension MemoryEstimate {
    /// About how many floating-point operations computing all inverses anew takes.
    public var inversionOperations: Double { factors.reduce(0) { $0 + $1.inversionOperations } }

    /// The largest factor and the memory of all, in one line without a full stop; advice where that is much.
    ///
    /// Much is more than a quarter of the memory that this process can have, or more than 10¹¹ operations for each
    /// update of the inverses: some seconds on a few cores.
    ///
    /// - Parameter limit: What is called where it should be lower, such as "FactorSettings.dimensionLimit".
    public func summary(loweredBy limit: String) -> String {
        guard let largest = factors.first else { return "no layer has curvature to keep" }
        let head = "curvature takes up to \(bytes(totalBytes)); the largest factor: \(largest)"
        let isMuch = totalBytes > MachineMemory.limit / 4
        let isSlow = inversionOperations > 1e11
        guard isMuch || isSlow else { return head }
        let reasons = [
            isMuch ? "much of the \(bytes(MachineMemory.limit)) that this process can have" : nil,
            isSlow ? "\(Int(inversionOperations / 1e9)) billion operations for each update of the inverses" : nil,
        ].compactMap(\.self)
        return "\(head); \(reasons.joined(separator: ", and ")): a lower \(limit) makes it less"
    }
}
