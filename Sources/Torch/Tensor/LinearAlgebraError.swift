import CTorch

/// A failure of the numbers in linear algebra: a singular or indefinite matrix, an iteration without convergence.
public struct LinearAlgebraError: DescribedError, Hashable {
    /// The operation that failed, for example "cholesky".
    public let operation: String
    /// The shape of the matrix.
    public let shape: [Int]
    /// Libtorch's message.
    public let reason: String

    /// Describes a failure.
    public init(operation: String, shape: [Int], reason: String) {
        self.operation = operation
        self.shape = shape
        self.reason = reason
    }

    /// One sentence with the operation, the shape and the reason.
    public var description: String { "\(operation) of a matrix of shape \(shape) failed: \(reason)" }
}

extension Tensor {
    /// Runs `body`, throws if the numbers failed and traps if the operands do not fit together.
    static func attempt(
        _ operation: StaticString, _ operands: [Tensor], _ body: () -> ct_status
    ) throws(LinearAlgebraError) {
        let status = withExtendedLifetime(operands, body)
        switch status {
        case CT_OK: return
        case CT_LINALG:
            throw LinearAlgebraError(operation: "\(operation)", shape: operands[0].shape, reason: lastMessage())
        default: trap(operation, operands, OperandDefect.ofLinearAlgebra(operands))
        }
    }
}
