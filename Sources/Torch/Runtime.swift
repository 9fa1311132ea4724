import CTorch

/// The library that does the arithmetic: its version, threads and devices.
public enum Runtime {
    /// The version of libtorch, for example "2.13.0".
    public static var version: String { String(cString: ct_version()) }

    /// The number of threads that one operation may use.
    ///
    /// Results are reproducible bit for bit only with the same number of threads. Set it at the start: a thread that
    /// has run operations already may keep its old number.
    public static var threadCount: Int {
        get { Int(ct_thread_count()) }
        set {
            guard let count = Int32(exactly: newValue), count > 0 else {
                fatalError("Runtime.threadCount: \(newValue) is not from 1 to \(Int32.max)")
            }
            guard ct_set_thread_count(count) == CT_OK else { fatalError("threadCount: \(lastMessage())") }
        }
    }

    /// The source of matrix products on the CPU, of models, their derivatives and the curvature.
    ///
    /// Both keep the accuracy of their type. Results are reproducible bit for bit only with the same source. Set it at
    /// the start; by default it is the quicker one on this processor.
    public static var matrixProducts: MatrixProducts {
        get { ct_current_product_source() == CT_PRODUCTS_OF_KERNELS ? .kernels : .library }
        set {
            let source = newValue == .kernels ? CT_PRODUCTS_OF_KERNELS : CT_PRODUCTS_OF_LIBRARY
            guard ct_set_product_source(source) == CT_OK else { fatalError("matrixProducts: \(lastMessage())") }
        }
    }

    /// Lets this process keep the memory that it frees, for its own next use.
    ///
    /// The memory of large tensors otherwise goes back to the system with each of them, and comes anew, page by page
    /// and filled with zeros, with the next one: a tenth to a fifth of the processor time of a training step. For a
    /// program that trains, at its start; not for one that lends its process to others, whose memory then never
    /// shrinks.
    ///
    /// - Returns: Whether the C library can do it: that of GNU can.
    @discardableResult
    public static func retainFreedMemory() -> Bool { ct_retain_freed_memory() }

    /// Whether this processor has instructions for bfloat16: AVX-512 BF16.
    ///
    /// With them, ``withMixedPrecision(_:_:)`` is quicker on the CPU, without them slower.
    public static var hasFastBFloat16: Bool { ct_has_fast_bfloat16() }

    /// The number of CUDA devices that can be used; 0 with a build of libtorch for the CPU only.
    public static var cudaDeviceCount: Int { Int(ct_cuda_device_count()) }
}
