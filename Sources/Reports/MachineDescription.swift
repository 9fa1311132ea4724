import Foundation
public import Torch

/// The machine that runs were timed on.
public struct MachineDescription: Sendable, Hashable, Codable {
    /// The model of its processor.
    public var processor: String
    /// The number of its processors' cores, as the system counts them.
    public var cores: Int
    /// The system and its version.
    public var system: String
    /// The device that computed.
    public var device: String
    /// The number of threads that one operation may use.
    public var threads: Int
    /// The version of libtorch.
    public var libtorch: String

    /// Describes this machine.
    public static func current(device: Device) -> MachineDescription {
        let information = ProcessInfo.processInfo
        return MachineDescription(
            processor: processorName, cores: information.activeProcessorCount,
            system: information.operatingSystemVersionString, device: "\(device)", threads: Runtime.threadCount,
            libtorch: Runtime.version)
    }

    /// Linux's name of the first processor; the architecture where it does not say.
    private static var processorName: String {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix("model name") {
            if let name = line.split(separator: ":", maxSplits: 1).last {
                return name.trimmingCharacters(in: .whitespaces)
            }
        }
        #if arch(arm64)
            return "arm64"
        #else
            return "x86-64"
        #endif
    }
}

/// The time that this process's threads have worked so far, in seconds, system calls included.
package func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
