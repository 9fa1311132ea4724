/// Why operands do not fit together, in the words of this library; nil where that is not the reason.
///
/// Libtorch decides whether they do. Where it refuses, its own message is about functions and settings that nobody has
/// here, so that the defect is looked for then, and what fits costs nothing.
enum OperandDefect {
    /// Of operands that are combined element by element.
    static func ofElements(_ a: Tensor, _ b: Tensor) -> String? {
        let extents = zip(a.shape.reversed(), b.shape.reversed())
        guard let (axis, (left, right)) = extents.enumerated().first(where: { $1.0 != $1.1 && $1.0 != 1 && $1.1 != 1 })
        else { return nil }
        return "axis \(-axis - 1) has \(left) and \(right) elements: as many are needed, or 1 in one of them"
    }

    /// Of a tensor that is written in its place, with others that are read.
    static func ofWriting(_ target: Tensor, reading others: [Tensor] = []) -> String? {
        if target.requiresGradient, !target.isRecordedResult, gradientsAreRecorded {
            return "parameters are written inside withoutGradients only"
        }
        for other in others {
            let extents = zip(other.shape.reversed(), target.shape.reversed())
            if other.rank > target.rank || extents.contains(where: { $0 != $1 && $0 != 1 }) {
                return "the shape \(other.shape) does not broadcast to \(target.shape), that of the tensor to write"
            }
        }
        return others.first { $0.dtype != target.dtype }.map {
            "an operand is of type \($0.dtype), the tensor to write of type \(target.dtype): convert it"
        }
    }

    /// Of matrices that are factorised, or solved with.
    static func ofLinearAlgebra(_ matrices: [Tensor]) -> String? {
        guard matrices.allSatisfy(\.dtype.isFullPrecision) else { return "matrices of float32 or float64 are needed" }
        return matrices.allSatisfy { $0.dtype == matrices[0].dtype } ? nil : "both must be of one type"
    }

    /// Of a matrix product.
    static func ofProduct(_ a: Tensor, _ b: Tensor) -> String? {
        guard a.rank > 0, b.rank > 0 else { return "at least one axis is needed in each" }
        let rows = b.rank == 1 ? b.shape[0] : b.shape[b.rank - 2]
        guard a.shape[a.rank - 1] == rows else {
            return "\(a.shape[a.rank - 1]) columns on the left, \(rows) rows on the right: as many are needed"
        }
        return a.dtype == b.dtype ? nil : "both must be of one type"
    }

    /// Of a sum with a matrix product that is written into one of its terms.
    static func ofProductSum(_ target: Tensor, _ factors: [Tensor]) -> String? {
        if let defect = ofWriting(target) ?? ofProduct(factors[0], factors[1]) { return defect }
        return target.dtype == factors[0].dtype ? nil : "all must be of one type"
    }

    /// Of a linear layer.
    static func ofLinear(_ input: Tensor, weight: Tensor, bias: Tensor?) -> String? {
        if let defect = ofTypes([input, weight] + (bias.map { [$0] } ?? [])) { return defect }
        guard weight.rank == 2 else { return "the weight must be a matrix, [outputs, inputs]" }
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        guard input.shape.last == inputs else {
            return "the weight [outputs, inputs] takes \(inputs) inputs, which the first operand must end in"
        }
        return ofBias(bias, outputs: outputs)
    }

    /// Of a convolution whose kernel is the weight's.
    static func ofConvolution(
        _ input: Tensor, weight: Tensor, bias: Tensor?, geometry: ConvolutionGeometry
    ) -> String? {
        if let defect = ofTypes([input, weight] + (bias.map { [$0] } ?? [])) { return defect }
        let (rank, groups) = (geometry.spatialRank, geometry.groups)
        guard input.rank == rank + 2 else {
            return "the input must be [batch, channels] and \(rank) spatial \(rank == 1 ? "axis" : "axes")"
        }
        let channels = geometry.isTransposed ? weight.shape[0] : weight.shape[1] * groups
        guard input.shape[1] == channels else {
            return "the weight takes \(channels) channels, axis 1 of the input has \(input.shape[1])"
        }
        let parts = geometry.isTransposed ? channels : weight.shape[0]
        guard parts.isMultiple(of: groups) else { return "\(parts) channels do not divide into \(groups) groups" }
        let outputs = geometry.isTransposed ? weight.shape[1] * groups : weight.shape[0]
        if let defect = ofBias(bias, outputs: outputs) { return defect }
        let extents = input.shape.dropFirst(2)
        guard geometry.fits(Array(extents)) else {
            return "with its border, the input is smaller than the kernel \(geometry.kernel)"
        }
        return nil
    }

    /// Of an embedding.
    static func ofEmbedding(_ weight: Tensor, _ indices: Tensor) -> String? {
        guard weight.rank == 2 else { return "the weight must be a matrix, [classes, outputs]" }
        guard [.int64, .int32].contains(indices.dtype) else { return "the indices must be of type int64 or int32" }
        return nil
    }

    /// Of a layer normalisation.
    static func ofLayerNormalization(_ input: Tensor, over shape: [Int]) -> String? {
        guard !shape.isEmpty, input.shape.suffix(shape.count) == shape[...] else {
            return "the input's last axes must be \(shape)"
        }
        return ofTypes([input])
    }

    /// Of a batch normalisation.
    static func ofBatchNormalization(_ input: Tensor, _ running: [Tensor]) -> String? {
        guard running.allSatisfy({ $0.shape == [input.shape[1]] }) else {
            return "running statistics of shape [\(input.shape[1])] are needed, one for each channel of axis 1"
        }
        return ofTypes([input] + running)
    }

    /// Of a pooling.
    static func ofPooling(_ input: Tensor, window: [Int], padding: [Int]) -> String? {
        guard input.rank == 4 else { return "the input must be [batch, channels, height, width]" }
        guard window.allSatisfy({ $0 > 0 }), zip(window, padding).allSatisfy({ 0...$0 / 2 ~= $1 }) else {
            return "window \(window), padding \(padding): a padding from 0 to half of a positive window is needed"
        }
        guard zip(input.shape.dropFirst(2), zip(window, padding)).allSatisfy({ $0 + 2 * $1.1 >= $1.0 }) else {
            return "with its border, the input is smaller than the window \(window)"
        }
        return nil
    }

    /// Of tensors that are differentiated.
    static func ofGradients(of outputs: [Tensor], areWeighted: Bool, withRespectTo inputs: [Tensor]) -> String? {
        if !areWeighted, outputs.contains(where: { $0.count != 1 }) {
            return "without weights, outputs must have one element: differentiate a sum or a mean, or give weightedBy"
        }
        if outputs.contains(where: { !$0.requiresGradient }) {
            return "an output depends on nothing that requires a gradient, or was computed inside withoutGradients"
        }
        if let index = inputs.firstIndex(where: { !$0.requiresGradient }) {
            return "input \(index), \(inputs[index].dtype)\(inputs[index].shape), requires no gradient"
        }
        return nil
    }

    /// Of operands that must all be of one floating-point type.
    private static func ofTypes(_ operands: [Tensor]) -> String? {
        let type = operands[0].dtype
        let fits = type.isFloatingPoint && operands.allSatisfy { $0.dtype == type }
        return fits ? nil : "operands of one floating-point type are needed"
    }

    private static func ofBias(_ bias: Tensor?, outputs: Int) -> String? {
        guard let bias, bias.shape != [outputs] else { return nil }
        return "the weight has \(outputs) outputs: a bias of shape [\(outputs)] is needed"
    }
}
