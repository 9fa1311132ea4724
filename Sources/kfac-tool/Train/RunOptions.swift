import ArgumentParser
import Torch

/// How long, on what, and where to.
struct RunOptions: ParsableArguments {
    @Option(help: "How often to go through the training images.")
    var epochs = 2

    @Option(help: "The number of images of a step.")
    var batchSize = 256

    @Option(help: "What the initial weights, the batches and the sampled targets follow from.")
    var seed: UInt64 = 0

    @Option(
        help: ArgumentHelp("Where to compute: cpu, cuda or cuda:N. (default: cpu)", valueName: "device"),
        transform: RunOptions.device(named:))
    var device = Device.cpu

    @Option(help: ArgumentHelp("The number of threads. (default: one for each core)", valueName: "count"))
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "The folder to leave behind. (default: a new one in the folder runs)", valueName: "folder"))
    var output: String?

    @Flag(help: "Print the summary only.")
    var quiet = false

    func validate() throws {
        try check("--epochs", epochs, in: 1...1_000_000)
        try check("--batch-size", batchSize, in: 1...1_000_000)
        if let threads { try check("--threads", threads, in: 1...1024) }
        if output == "" { throw ValidationError("--output needs the path of a folder; an empty text was given.") }
    }

    /// Sets the threads, and makes sure that the device is there.
    func prepareRuntime() throws {
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

    /// What random numbers are drawn for.
    enum Purpose: Int {
        case parameters
        case batches
        case curvature
    }

    /// A generator with a sequence of its own for each purpose, on the device where the numbers are used.
    func generator(for purpose: Purpose) -> RandomGenerator {
        var root = RandomGenerator(seed: seed)
        let seeds = root.integers([3], in: 0..<Int.max).array(of: Int.self)
        // Weights and batches are the same on all devices: they are drawn on the CPU.
        return RandomGenerator(seed: UInt64(seeds[purpose.rawValue]), device: purpose == .curvature ? device : .cpu)
    }
}

/// Checks that the number of an option lies in a range.
func check(_ option: String, _ number: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(number) else {
        throw ValidationError(
            "\(option) must be from \(range.lowerBound) to \(range.upperBound); \(number) was given.")
    }
}
