public import Torch

/// A convolution over 1, 2 or 3 spatial axes, with any geometry.
///
/// [batch, inputs, spatial...] becomes [batch, outputs, spatial...]. For the usual cases ``Convolution1D``,
/// ``Convolution2D`` and ``Convolution3D`` take plain numbers.
public class Convolution: Module {
    /// [outputs, inputs / groups, kernel...]; of a transposed convolution [inputs, outputs / groups, kernel...].
    public let weight: Tensor
    /// [outputs].
    public let bias: Tensor?
    /// How the kernel moves.
    public let geometry: ConvolutionGeometry
    /// The layout of images in memory that the layer computes in, of two spatial axes; by default the faster one.
    ///
    /// Images in another layout are converted first. See ``Module/setImageLayout(_:)``.
    public var imageLayout: ImageLayout?

    /// Creates a layer.
    ///
    /// - Parameters:
    ///   - inputs: The number of input channels.
    ///   - outputs: The number of output channels.
    ///   - geometry: How the kernel moves.
    ///   - weight: How the weight begins.
    ///   - bias: How the bias begins; nil for a layer without one.
    public init(
        _ inputs: Int, _ outputs: Int, geometry: ConvolutionGeometry, weight: Initializer = .standard,
        bias: Initializer? = .standard, dtype: DType = .float32, device: Device = .cpu,
        using generator: inout RandomGenerator
    ) {
        let groups = geometry.groups
        guard Tensor.elementCount([inputs, outputs] + geometry.kernel) != nil else {
            fatalError(
                "Convolution: \(inputs) inputs, \(outputs) outputs and a kernel \(geometry.kernel) are negative or more than "
                    + "memory can hold")
        }
        guard groups > 0, inputs.isMultiple(of: groups), outputs.isMultiple(of: groups) else {
            fatalError("Convolution: \(inputs) inputs and \(outputs) outputs do not divide into \(groups) groups")
        }
        let channels = geometry.isTransposed ? [inputs, outputs / groups] : [outputs, inputs / groups]
        let field = geometry.kernel.reduce(1, *)
        let fan = Fan(input: inputs / groups * field, output: outputs / groups * field)
        self.geometry = geometry
        self.weight = weight(channels + geometry.kernel, fan: fan, dtype: dtype, device: device, using: &generator)
        self.bias = bias.map { $0([outputs], fan: fan, dtype: dtype, device: device, using: &generator) }
    }

    /// Creates a layer of tensors that exist, perhaps those of another layer.
    public init(weight: Tensor, bias: Tensor? = nil, geometry: ConvolutionGeometry) {
        self.weight = weight
        self.bias = bias
        self.geometry = geometry
    }

    /// Applies the layer.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        convolution(inLayout(input), weight: weight, bias: bias, geometry: geometry)
    }

    private func inLayout(_ input: Tensor) -> Tensor {
        guard input.rank == 4, geometry.spatialRank == 2 else { return input }
        return input.contiguous(in: imageLayout ?? .preferred(for: input.dtype, on: input.device))
    }
}

extension Module {
    /// Lets all convolutions of this module and inside it compute in a layout of images, until further notice.
    ///
    /// Images are converted by the first one, and pass through the others in this layout; parameters and states stay in
    /// the standard one.
    ///
    /// - Parameter layout: Nil for the faster one, ``/Torch/ImageLayout/preferred(for:on:)``, which convolutions begin
    ///   with.
    public func setImageLayout(_ layout: ImageLayout?) {
        for (_, module) in namedModules { (module as? Convolution)?.imageLayout = layout }
    }
}
