import Foundation
import Training

/// Results as lines for people: times in milliseconds, shares and ratios.
struct BenchmarkTable {
    private let nameWidth: Int

    /// The heads and widths of the columns of numbers.
    private static let columns = [
        ("ms", 9), ("CPU ms", 9), ("GFLOP", 8), ("bound", 7), ("plain/", 8), ("eigh/", 8), ("/SGD", 7),
    ]

    /// Creates a table for cases with these names.
    init(names: [String]) { nameWidth = (names.map(\.count) + [4]).max()! }

    /// The meaning of the numbers.
    static let legend = [
        "ms: wall clock, the median of the rounds; CPU ms: all threads; GFLOP: the least that are needed;",
        "bound: the share of max(flops/peak, bytes/bandwidth) that is reached; plain/: the time of patches and a general",
        "product, or of the linked library's product, by this one; eigh/: that of an eigendecomposition; /SGD: this time by that of an SGD step",
    ]

    /// The machine, in a line.
    static func machine(_ machine: BenchmarkReport.Machine) -> String {
        "\(machine.processor), \(Text.count(machine.threads, "thread")), load \(machine.load.fixed(1)), "
            + "libtorch \(machine.libtorch)\n"
            + "peak \(machine.peakGflops.fixed(0)) GFLOP/s (one thread \(machine.peakGflopsOneThread.fixed(0))), "
            + "copy \(machine.copyGbytesPerSecond.fixed(1)) GB/s"
    }

    /// The heads of the columns.
    var header: String { line("case", Self.columns.map(\.0)) }

    /// A result: a line, of steps some more that tell where the time goes, and of convolutions' inputs the form taken.
    func lines(_ result: BenchmarkResult) -> [String] {
        func ratio(_ a: Double?, _ b: Double?) -> String {
            guard let a, let b else { return "" }
            return (a / b).fixed(2)
        }
        let cells = [
            milliseconds(result.seconds), milliseconds(result.cpuSeconds), (result.flops / 1e9).significant,
            result.boundShare.fixed(2), ratio(result.plainSeconds, result.seconds),
            ratio(result.eighSeconds, result.seconds), ratio(result.seconds, result.sgdSeconds),
        ]
        return [line(result.name, cells)] + whereTheTimeGoes(result) + why(result)
    }

    /// The shares of the phases that matter, the greatest first.
    private func whereTheTimeGoes(_ result: BenchmarkResult) -> [String] {
        guard let phases = result.phases else { return [] }
        let shares = phases.mapValues { 100 * $0 / result.seconds }.filter { $0.value >= 0.5 }
        let parts = shares.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { name, share in
            "\(name.replacing("_", with: " ")) \(share.fixed(0)) %"
        }
        let share = result.statisticsShare.map { ["  statistics / (forward + backward) \($0.fixed(2))"] } ?? []
        return wrapped(parts) + share
    }

    /// The form that was taken, and why.
    private func why(_ result: BenchmarkResult) -> [String] {
        // The case's name says what is computed.
        guard let reason = result.reason else { return [] }
        return wrapped((reason.split(separator: ": ").last.map(String.init) ?? reason).components(separatedBy: ", "))
    }

    /// A list in lines that are not much longer than the table is wide.
    private func wrapped(_ parts: [String]) -> [String] {
        var lines: [String] = []
        for part in parts {
            if let last = lines.last, last.count + part.count < 96 {
                lines[lines.count - 1] = "\(last), \(part)"
            } else {
                if !lines.isEmpty { lines[lines.count - 1] += "," }
                lines.append("  \(part)")
            }
        }
        return lines
    }

    private func milliseconds(_ seconds: Double) -> String { (seconds * 1000).fixed(seconds < 0.1 ? 2 : 1) }

    private func line(_ name: String, _ cells: [String]) -> String {
        let padded = zip(cells, Self.columns).map { cell, column in
            String(repeating: " ", count: max(1, column.1 - cell.count)) + cell
        }
        let head = name + String(repeating: " ", count: max(0, nameWidth - name.count))
        return (head + padded.joined()).replacing(/\ +$/, with: "")
    }
}

extension Double {
    /// The number with about three digits.
    fileprivate var significant: String { fixed(self < 0.1 ? 4 : self < 10 ? 2 : self < 100 ? 1 : 0) }
}
