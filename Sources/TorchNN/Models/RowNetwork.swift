public import Torch

/// A recurrent network that reads an image row by row.
///
/// [batch, channels, height, width] becomes logits [batch, classes]: each of the `height` rows is the input of one time
/// step, h ← tanh(U x + b + W h) from h = 0 on, and a linear layer classifies the last h. U is used once for each row,
/// W once for each row but the first.
public final class RowNetwork: Module {
    /// U and b, from a row to the hidden units.
    public let input: Linear
    /// W, from the hidden units to those of the next step; without a bias.
    public let recurrent: Linear
    /// From the last hidden units to the logits.
    public let classifier: Linear

    /// Creates a network.
    ///
    /// W begins as an orthogonal matrix, which neither lets the gradients of early rows vanish nor explode at once.
    ///
    /// - Parameters:
    ///   - rowSize: The numbers of a row: channels times width.
    ///   - hidden: The number of hidden units.
    ///   - classes: The number of classes.
    public init(
        rowSize: Int = 28, hidden: Int = 128, classes: Int = 10, dtype: DType = .float32, device: Device = .cpu,
        using generator: inout RandomGenerator
    ) {
        input = Linear(rowSize, hidden, bias: .zeros, dtype: dtype, device: device, using: &generator)
        recurrent = Linear(
            hidden, hidden, weight: .orthogonal(), bias: nil, dtype: dtype, device: device, using: &generator)
        classifier = Linear(hidden, classes, dtype: dtype, device: device, using: &generator)
    }

    /// Computes the logits.
    public func callAsFunction(_ images: Tensor) -> Tensor {
        guard images.rank == 4, images.shape[2] > 0 else {
            fatalError(
                "RowNetwork: images of shape \(images.shape); [batch, channels, height, width] with rows are needed")
        }
        // [batch, height, channels, width]: a row has all of its channels.
        let rows = images.transposed(1, 2).flattened(from: 2)
        // One call for all rows would cost more: the gradient of each step's part is as large as the whole.
        let hidden = (1..<rows.shape[1]).reduce(input(rows[.all, 0]).tanh()) { state, row in
            (input(rows[.all, row]) + recurrent(state)).tanh()
        }
        return classifier(hidden)
    }
}
