import Torch

extension LayerUse {
    /// The same use with its tensors in float32 where they are bfloat16, for sums that keep their digits.
    var inFullPrecision: LayerUse {
        guard input.dtype == .bfloat16 || preActivation.dtype == .bfloat16 else { return self }
        return LayerUse(
            operation: operation, weight: weight, bias: bias, input: input.inFullPrecision,
            preActivation: preActivation.detached().inFullPrecision, mask: mask)
    }
}
