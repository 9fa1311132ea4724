import Training

extension BenchmarkReport {
    /// The results along the axes of ``Scaling`` as CSV, a line for each that was measured.
    ///
    /// Times are in seconds, in full precision; what was not measured is empty.
    public var scalingTable: String {
        var lines = [
            "axis,value,case,seconds,cpu_seconds,bound_seconds,flops,plain_seconds,eigh_seconds,sgd_seconds"
        ]
        for scaling in Scaling.standard {
            for (point, result) in results(along: scaling) {
                let times: [Double?] = [
                    result.seconds, result.cpuSeconds, result.boundSeconds, result.flops, result.plainSeconds,
                    result.eighSeconds, result.sgdSeconds,
                ]
                let fields = [scaling.axis, "\(point.value)", result.name] + times.map { $0.map { "\($0)" } ?? "" }
                lines.append(fields.joined(separator: ","))
            }
        }
        return Text.lines(lines)
    }

    /// The results along an axis.
    func results(along scaling: Scaling) -> [(point: Scaling.Point, result: BenchmarkResult)] {
        scaling.points.compactMap { point in
            results.first { $0.name == point.benchmarkCase.description }.map { (point, $0) }
        }
    }
}
