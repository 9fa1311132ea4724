import CTorch

/// How images [batch, channels, height, width] lie in memory.
///
/// Shapes and results are the same in both layouts, up to the rounding of sums in another order; only
/// ``Tensor/strides`` tell them apart. Convolutions, pooling, normalisations and operations on each element give their
/// results in the layout of their operand, and their derivatives too.
public enum ImageLayout: String, Sendable, Hashable, Codable, CaseIterable {
    /// Row-major order: all pixels of a channel side by side.
    case standard
    /// All channels of a pixel side by side.
    case channelsLast = "channels-last"

    /// The layout in which convolutions of such images run faster.
    ///
    /// In single and mixed precision on an x86 processor that is ``channelsLast``, for one convolution as for a whole
    /// network: libtorch's convolutions otherwise copy what goes in and what comes out, and its pooling and batch
    /// normalisation take several times as long. In double precision and elsewhere it is ``standard``.
    public static func preferred(for dtype: DType, on device: Device) -> ImageLayout {
        #if arch(x86_64)
            device == .cpu && (dtype == .float32 || dtype == .bfloat16) ? .channelsLast : .standard
        #else
            .standard
        #endif
    }
}

extension Tensor {
    /// The layout of images, and of what operations make of them; ``ImageLayout/standard`` for tensors of other ranks.
    public var imageLayout: ImageLayout { read { ct_is_channels_last($0) ? .channelsLast : .standard } }

    /// The same images in a layout; the tensor itself if they lie so already.
    ///
    /// Converted where they enter a model, all of its layers keep them so:
    ///
    /// ```swift
    /// let features = convolution(images.contiguous(in: .channelsLast), weight: kernel).relu()
    /// ```
    ///
    /// - Parameter layout: Tensors that are no images, [batch, channels, height, width], have the standard one only.
    public func contiguous(in layout: ImageLayout) -> Tensor {
        guard layout == .channelsLast else {
            let result = contiguous()
            // A single channel lies in memory in the same way in both layouts: the steps alone tell which one is meant.
            return result.imageLayout == .standard ? result : result.squeezed(at: 1).expanded(at: 1)
        }
        guard rank == 4 else {
            Tensor.trap("contiguous(in:)", [self], "images [batch, channels, height, width] were expected")
        }
        return make("contiguous(in:)", ct_channels_last)
    }

    /// The elements with the axes in the order in which images lie in memory, so that flattening them is no copy:
    /// [batch, height, width, channels] where the channels are last.
    package var inMemoryOrder: Tensor { imageLayout == .channelsLast ? permuted(0, 2, 3, 1) : self }
}
