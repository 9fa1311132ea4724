import Torch

// Initialisers of matrices as wholes. A weight of more axes is the matrix [outputs, everything else].
extension Initializer {
    /// Orthonormal rows (or columns, if there are fewer of them), times `gain`.
    ///
    /// Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    /// networks", 2014.
    public static func orthogonal(gain: Double = 1) -> Initializer {
        Initializer { shape, _, generator in
            let (rows, columns) = matrixExtents(shape, "orthogonal")
            let tall = generator.normal([max(rows, columns), min(rows, columns)], dtype: .float64)
            // Finite numbers always have a QR decomposition.
            let (orthogonal, triangular) = try! tall.qr()
            // With R's diagonal positive the decomposition is unique, and Q uniform over orthogonal matrices.
            let matrix = orthogonal * triangular.diagonal().sign() * gain
            return (rows < columns ? matrix.transposed() : matrix).reshaped(shape)
        }
    }

    /// A few normal numbers in each row, at places drawn at random, and zeros elsewhere.
    ///
    /// Martens, "Deep learning via Hessian-free optimization", 2010: each unit has 15 incoming connections, however
    /// wide the layer below. Biases go with it as zeros.
    ///
    /// - Parameters:
    ///   - connections: The number of inputs of each output; all of them if there are fewer.
    ///   - standardDeviation: The spread of the weights that are not zero.
    public static func sparse(connections: Int = 15, standardDeviation: Double = 1) -> Initializer {
        guard connections >= 0 else { fatalError("Initializer.sparse: \(connections) connections") }
        return Initializer { shape, _, generator in
            let (rows, columns) = matrixExtents(shape, "sparse")
            guard rows > 0 else { return Tensor.zeros(shape, dtype: .float64, device: generator.device) }
            let count = min(connections, columns)
            let ones = Tensor.ones([count], dtype: .float64, device: generator.device)
            let none = Tensor.zeros([columns], dtype: .float64, device: generator.device)
            let isConnected = (0..<rows).map { _ in
                none.adding(ones, at: generator.permutation(columns)[..<count])
            }
            let weights = generator.normal([rows, columns], standardDeviation: standardDeviation, dtype: .float64)
            return (Tensor.stack(isConnected) * weights).reshaped(shape)
        }
    }

    private static func matrixExtents(_ shape: [Int], _ name: StaticString) -> (rows: Int, columns: Int) {
        guard shape.count >= 2 else {
            fatalError("Initializer.\(name): a parameter of shape \(shape) is not a matrix; biases need another one")
        }
        return (shape[0], shape[1...].reduce(1, *))
    }
}
