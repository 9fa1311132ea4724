import Foundation
public import Torch
import Training

/// The results of a benchmark, and the machine.
public struct BenchmarkReport: Sendable, Encodable {
    /// The machine.
    public var machine: Machine
    /// The result of each case, in the order of measurement.
    public var results: [BenchmarkResult]
    /// Whether the networks of whole steps computed in mixed precision.
    public var mixesPrecision = false
    /// How their images lay in memory.
    public var imageLayout = StepConditions().imageLayout

    /// A machine, how fast it was, and how busy.
    public struct Machine: Sendable, Hashable, Encodable {
        /// The model of its processor.
        public var processor: String
        /// The number of its processors' cores, as the system counts them.
        public var cores: Int
        /// The system and its version.
        public var system: String
        /// The version of libtorch.
        public var libtorch: String
        /// The number of threads that one operation may use.
        public var threads: Int
        /// The median of all measurements of the peak with all threads, in GFLOP/s.
        public var peakGflops: Double
        /// The peak on one thread, in GFLOP/s, measured at the start.
        public var peakGflopsOneThread: Double
        /// The median of all measurements of the bandwidth, in bytes read and written: GB/s.
        public var copyGbytesPerSecond: Double
        /// The mean number of threads that wanted to run in the last minute before the start, this program's not among
        /// them.
        public var load: Double
        /// The same before the newest result; this program's own threads are among them.
        public var loadAfter: Double
    }

    /// The report as JSON, with names in snake case.
    public func json() throws -> String {
        let encoder = JSONEncoder.forFiles([.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

/// The mean number of threads that wanted to run in the last minute; 0 where the system does not tell.
func loadAverage() -> Double {
    var average = 0.0
    return getloadavg(&average, 1) == 1 ? average : 0
}
