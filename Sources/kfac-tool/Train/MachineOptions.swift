import ArgumentParser
import KFAC
import Torch
import Training

/// The device and threads.
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

    /// Sets up threads and memory, and makes sure that the device is there.
    func prepareRuntime() throws {
        Runtime.retainFreedMemory()
        if let threads { Runtime.threadCount = threads }
        guard device.isAvailable else {
            let count = Runtime.cudaDeviceCount
            let found = count == 0 ? "no CUDA device" : "the CUDA devices 0 to \(count - 1) only"
            throw ToolError(
                "the device \(device) cannot be used: libtorch \(Runtime.version) finds \(found): use --device cpu, "
                    + "or a libtorch built for CUDA on a machine with such a device")
        }
    }

    private static func device(named name: String) throws -> Device {
        guard let device = Device(name) else {
            throw ValidationError("a device is called cpu, cuda or cuda:N with a number N.")
        }
        return device
    }
}
