import CTorch

/// Takes the greatest element of each window; [batch, channels, height, width].
///
/// - Parameters:
///   - stride: The steps between windows; the window's extents by default.
///   - rectified: Whether a rectifier follows (or goes before: that is the same). Of images on the CPU whose channels
///     are last, it then costs nothing.
public func maxPooling2D(
    _ input: Tensor, window: [Int], stride: [Int]? = nil, padding: [Int] = [0, 0], rectified: Bool = false
) -> Tensor {
    pool("maxPooling2D", input, window, stride ?? window, padding) { ct_max_pool2d($0, $1, $2, $3, rectified, $4) }
}

/// Takes the mean of each window, zeros of the border counted; [batch, channels, height, width].
///
/// - Parameter stride: The steps between windows; the window's extents by default.
public func averagePooling2D(
    _ input: Tensor, window: [Int], stride: [Int]? = nil, padding: [Int] = [0, 0]
) -> Tensor {
    pool("averagePooling2D", input, window, stride ?? window, padding, ct_avg_pool2d)
}

/// Takes the mean of each channel over all spatial axes; [batch, channels, spatial...] becomes [batch, channels].
///
/// The gradient lies in memory as the input does, whereas that of ``Tensor/mean(_:keepingAxes:)`` would bring the
/// derivatives of all layers before into the standard layout.
public func globalAveragePooling(_ input: Tensor) -> Tensor {
    guard input.rank > 2 else {
        Tensor.trap("globalAveragePooling", [input], "[batch, channels, spatial...] were expected")
    }
    guard input.imageLayout == .channelsLast else { return input.flattened(from: 2).mean(2) }
    let shape = input.shape
    return input.inMemoryOrder.reshaped([shape[0], shape[2] * shape[3], shape[1]]).mean(1)
}

/// Cuts the patches that a 2-D convolution sees.
///
/// - Parameter input: [batch, channels, height, width].
/// - Returns: [batch, channels · kernel rows · kernel columns, locations], the channel slowest.
public func patches2D(_ input: Tensor, geometry: ConvolutionGeometry) -> Tensor {
    if let defect = geometry.defect { Tensor.trap("patches2D", [input], defect) }
    guard geometry.spatialRank == 2 else { Tensor.trap("patches2D", [input], "kernel \(geometry.kernel)") }
    return input.make("patches2D") { x, output in
        geometry.kernel.withInt64 { kernel, _ in
            geometry.dilation.withInt64 { dilation, _ in
                geometry.padding.withInt64 { padding, _ in
                    geometry.stride.withInt64 { stride, _ in ct_im2col(x, kernel, dilation, padding, stride, output) }
                }
            }
        }
    }
}

private func pool(
    _ operation: StaticString, _ input: Tensor, _ window: [Int], _ stride: [Int], _ padding: [Int],
    _ function: (
        OpaquePointer?, UnsafePointer<Int64>?, UnsafePointer<Int64>?, UnsafePointer<Int64>?, Output?
    ) -> ct_status
) -> Tensor {
    guard window.count == 2, stride.count == 2, padding.count == 2 else {
        Tensor.trap(operation, [input], "window \(window), stride \(stride), padding \(padding): two numbers each")
    }
    return input.make(
        operation, explaining: OperandDefect.ofPooling(input, window: window, padding: padding)
    ) { x, output in
        window.withInt64 { window, _ in
            stride.withInt64 { stride, _ in
                padding.withInt64 { padding, _ in function(x, window, stride, padding, output) }
            }
        }
    }
}
