import CTorch

/// What multiplies matrices on the CPU.
public enum MatrixProducts: String, Sendable, Hashable, Codable, CaseIterable {
    /// The library that libtorch was built with.
    ///
    /// In libtorch's builds for x86 that is Intel's, which uses half of the registers of other makers' processors, and
    /// loses a third of its speed on rows of odd lengths, such as those of factors with a bias.
    case library
    /// The kernels of this project, for matrices of at least 128 rows and columns and a depth of 64; the library for
    /// others.
    ///
    /// They sum up 256 terms at a time, in an order that depends neither on the number of threads nor on the
    /// processor's maker. Needs registers of 64 bytes (AVX-512).
    case kernels

    /// The quicker one on this processor.
    public static var preferred: MatrixProducts {
        ct_preferred_product_source() == CT_PRODUCTS_OF_KERNELS ? .kernels : .library
    }

    /// Whether this processor can do it: kernels need registers of 64 bytes.
    public var isAvailable: Bool { self == .library || ct_has_kernel_products() }

    /// Runs `body` with this source for the calling thread alone.
    package func run<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        ct_set_own_product_source(Int32((self == .kernels ? CT_PRODUCTS_OF_KERNELS : CT_PRODUCTS_OF_LIBRARY).rawValue))
        defer { ct_set_own_product_source(-1) }
        return try body()
    }
}
