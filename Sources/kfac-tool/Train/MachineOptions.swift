import ArgumentParser
import KFAC
import Torch
import Training

/// The device, threads, and what multiplies matrices.
struct MachineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Where to compute: cpu, cuda or cuda:N. (default: cpu)", valueName: "device"),
        transform: MachineOptions.device(named:))
    var device = Device.cpu

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The number of threads. (default: one for each core)", valueName: "count"),
        transform: SettingBounds.threads.count)
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "What multiplies matrices on the CPU: kernels, the tool's own, which need AVX-512, or library, that of "
                + "libtorch. (default: the quicker one on this processor)", valueName: "source"),
        transform: MachineOptions.products(named:))
    var products: MatrixProducts?

    /// Sets up threads, products and memory, and makes sure that the device is there.
    func prepareRuntime() throws {
        Runtime.retainFreedMemory()
        if let threads { Runtime.threadCount = threads }
        if let products {
            guard products.isAvailable else {
                throw ToolError(
                    "--products \(products.rawValue) cannot be had: this processor has no AVX-512; use --products library"
                )
            }
            Runtime.matrixProducts = products
        }
        guard device.isAvailable else {
            let count = Runtime.cudaDeviceCount
            let found = count == 0 ? "no CUDA device" : "the CUDA devices 0 to \(count - 1) only"
            throw ToolError(
                "the device \(device) cannot be used: libtorch \(Runtime.version) finds \(found): use --device cpu, "
                    + "or a libtorch built for CUDA on a machine with such a device")
        }
    }

    private static func products(named name: String) throws -> MatrixProducts {
        guard let products = MatrixProducts(rawValue: name) else {
            throw ValidationError("the sources of products are called kernels and library.")
        }
        return products
    }

    private static func device(named name: String) throws -> Device {
        guard let device = Device(name) else {
            throw ValidationError("a device is called cpu, cuda or cuda:N with a number N.")
        }
        return device
    }
}
