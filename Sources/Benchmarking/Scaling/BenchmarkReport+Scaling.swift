import Reports
import Training

extension BenchmarkReport {
    /// The results along the axes of ``Scaling`` as curves, in one page that needs nothing besides: no scripts, no
    /// network.
    public var scalingPage: String {
        Markup.page(
            "Time as the work grows",
            [
                .element("p", [:], machineSentence),
                .element(
                    "p", [:],
                    "Lines are medians, bands go from the least to the greatest value of the rounds. The bound is the "
                        + "least time for the flops and bytes that are needed at all."),
                .element("div", ["class": "charts"], Scaling.standard.compactMap(figure)),
            ])
    }

    private var machineSentence: String {
        "\(machine.processor), \(Text.count(machine.threads, "thread")), load \(machine.load.fixed(1)) before and "
            + "\(machine.loadAfter.fixed(1)) after; products of large matrices at \(machine.peakGflops.fixed(0)) GFLOP/s, "
            + "copies at \(machine.copyGbytesPerSecond.fixed(1)) GB/s (medians)."
    }

    private func figure(_ scaling: Scaling) -> Markup? {
        let results = results(along: scaling)
        func curve(_ name: String, _ style: Int, _ seconds: (BenchmarkResult) -> [Double]?) -> Chart.Curve? {
            let points = results.compactMap { point, result in
                seconds(result).flatMap { Spread($0) }.map { (x: Double(point.value), y: $0) }
            }
            return points.isEmpty ? nil : Chart.Curve(name: name, style: style, points: points)
        }
        let isStep = results.contains { $0.result.sgdSeconds != nil }
        let curves = [
            curve(isStep ? "K-FAC" : "this library", 0) { $0.samples },
            curve("bound", 2) { [$0.boundSeconds] },
            curve("plain path", 1) { $0.plainSeconds.map { [$0] } },
            curve("eigendecomposition", 4) { $0.eighSeconds.map { [$0] } },
            curve("SGD", 3) { $0.sgdSeconds.map { [$0] } },
        ].compactMap { $0 }
        let chart = Chart(
            title: scaling.title, xName: scaling.unit, yName: "seconds", curves: curves, fitsHorizontalScale: true,
            followsRises: true)
        guard let picture = chart.picture(identifier: scaling.axis) else { return nil }
        return .section(scaling.title, [Chart.legend(curves.map { ($0.name, $0.style) }), picture])
    }

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
