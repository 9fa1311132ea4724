public import Torch

/// A tensor of uniform random numbers, the same for the same arguments.
public func randomTensor(
    _ shape: [Int], seed: UInt64 = 1, in range: Range<Double> = -1..<1, dtype: DType = .float64
) -> Tensor {
    var generator = RandomGenerator(seed: seed)
    return generator.uniform(shape, in: range, dtype: dtype)
}

/// A symmetric positive-definite matrix (or batch of them) with eigenvalues from about 0.5 upwards.
public func randomPositiveDefinite(
    _ size: Int, batch: [Int] = [], seed: UInt64 = 1, dtype: DType = .float64
) -> Tensor {
    let x = randomTensor(batch + [size, size], seed: seed, dtype: dtype)
    return x.matmul(x.transposed()) + Tensor.identity(size, dtype: dtype) * 0.5
}
