import Foundation
import Torch

/// How much memory this process may have.
enum MachineMemory {
    /// The bytes of the machine's memory, or of what this process is limited to if that is less.
    ///
    /// Limits are those of the address space (`ulimit -v`) and of control groups, as containers and batch systems set
    /// them.
    static var limit: Int {
        let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        return ([physical] + controlGroupLimits + [addressSpaceLimit].compactMap { $0 }).min() ?? physical
    }

    private static var addressSpaceLimit: Int? {
        var limit = rlimit()
        #if canImport(Glibc)
            let kind = __rlimit_resource_t(RLIMIT_AS.rawValue)
        #else
            let kind = RLIMIT_AS
        #endif
        guard getrlimit(kind, &limit) == 0 else { return nil }
        // Unlimited is the greatest number.
        return Int(clamping: limit.rlim_cur)
    }

    /// The limits of this process's control groups and of those around them, of both versions.
    private static var controlGroupLimits: [Int] {
        text(of: "/proc/self/cgroup").split(separator: "\n").flatMap { line -> [Int] in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return [] }
            let isUnified = fields[1].isEmpty
            guard isUnified || fields[1].split(separator: ",").contains("memory") else { return [] }
            let root = isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
            let name = isUnified ? "memory.max" : "memory.limit_in_bytes"
            let parts = fields[2].split(separator: "/")
            return (0...parts.count).compactMap { count in
                let folder = ([root] + parts.prefix(count).map(String.init)).joined(separator: "/")
                return Int(text(of: "\(folder)/\(name)").trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
    }

    private static func text(of path: String) -> String {
        let bytes = (try? InputFile.contents(of: path, limit: 1 << 16)) ?? nil
        return String(decoding: bytes ?? [], as: UTF8.self)
    }
}
