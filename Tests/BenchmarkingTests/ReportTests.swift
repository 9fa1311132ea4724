import Foundation
import TestSupport
import Testing
import Torch

@testable import Benchmarking
@testable import Reports
@testable import Training

@Suite struct ReportTests {
    static let machine = BenchmarkReport.Machine(
        processor: "A processor", cores: 4, system: "A system", libtorch: "2.0", threads: 2, peakGflops: 123.4,
        peakGflopsOneThread: 61.7, copyGbytesPerSecond: 12.34, load: 0.25, loadAfter: 1.5)

    private static func samples(_ times: Double...) -> [Sample] {
        times.map { Sample(seconds: $0, cpuSeconds: 2 * $0) }
    }

    private static func result(_ name: String, _ measurement: CaseMeasurement) -> BenchmarkResult {
        BenchmarkResult(
            BenchmarkCase(name)!, measurement, speed: MachineSpeed(peak: 100e9, copyBandwidth: 10e9))
    }

    static let results = [
        result(
            "input-factor/64x16x14x14",
            CaseMeasurement(
                work: Work(flops: 0.5e9, bytes: 1e6), samples: samples(0.0125, 0.01, 0.5),
                plain: samples(0.04, 0.05, 0.06))),
        result(
            "inverse/145", CaseMeasurement(work: Work(flops: 1e6, bytes: 1e8), samples: samples(0.2), eigh: samples(1))),
        result(
            "step/resnet8/64",
            CaseMeasurement(
                work: Work(flops: 30e9, bytes: 1), samples: samples(0.4), sgd: samples(0.25),
                phases: [
                    ("forward", 0.1), ("curvatureBackward", 0.05), ("backward", 0.15), ("statistics", 0.075),
                ])),
    ]

    static let report = BenchmarkReport(machine: machine, results: results)

    @Test func resultsSumUp() {
        let (factor, inverse, step) = (Self.results[0], Self.results[1], Self.results[2])
        #expect(factor.seconds == 0.0125)
        #expect(factor.cpuSeconds == 0.025)
        #expect(factor.plainSeconds == 0.05)
        #expect(factor.plainCpuSeconds == 0.1)
        #expect(factor.boundSeconds == 0.005)
        #expect(abs(factor.boundShare - 0.4) < 1e-12)
        #expect(factor.samples == [0.0125, 0.01, 0.5])
        // Bound by memory.
        #expect(inverse.boundSeconds == 0.01)
        #expect(inverse.eighSeconds == 1)
        #expect(step.statisticsShare == 0.075 / 0.25)
        #expect(step.phases?["curvature_backward"] == 0.05)
    }

    @Test func theTable() {
        let table = BenchmarkTable(names: Self.results.map(\.name))
        let lines = [table.header] + Self.results.flatMap(table.lines)
        #expect(
            Text.lines(lines) == """
                case                           ms   CPU ms   GFLOP  bound  plain/   eigh/   /SGD
                input-factor/64x16x14x14    12.50    25.00    0.50   0.40    4.00
                inverse/145                 200.0    400.0  0.0010   0.05            5.00
                step/resnet8/64             400.0    800.0    30.0   0.75                   1.60
                  backward 38 %, forward 25 %, statistics 19 %, curvature backward 12 %
                  statistics / (forward + backward) 0.30

                """)
    }

    @Test func longListsOfPhasesAreWrapped() {
        let phases = (1...8).map { (name: "phaseNumber\($0)", seconds: 0.0841 - 0.006 * Double($0)) }
        let measurement = CaseMeasurement(work: Work(flops: 1), samples: Self.samples(1), phases: phases)
        let lines = BenchmarkTable(names: []).lines(Self.result("step/resnet8/64", measurement))
        #expect(
            Array(lines.dropFirst()) == [
                "  phase number1 8 %, phase number2 7 %, phase number3 7 %, phase number4 6 %, phase number5 5 %,",
                "  phase number6 5 %, phase number7 4 %, phase number8 4 %",
            ])
    }

    @Test func progressIsTold() {
        var output = ""
        var status = ""
        let progress = BenchmarkProgress(
            to: Terminal(write: { output += $0 }), status: Terminal(write: { status += $0 }, width: { 34 }))
        let cases = Self.results.map { BenchmarkCase($0.name)! }
        progress.receive(.start(Self.machine, cases: cases))
        progress.receive(.round(0, of: 7, cases[1], number: 2))
        progress.receive(.round(3, of: 7, cases[1], number: 2))
        progress.receive(.result(Self.report))
        progress.receive(.end(Self.report))
        #expect(
            output.hasPrefix("A processor, 2 threads, load 0.2, libtorch 2.0\npeak 123 GFLOP/s (one thread 62), copy"))
        #expect(output.contains("\nstep/resnet8/64             400.0"))
        #expect(
            output.hasSuffix("\n\nmedians: peak 123 GFLOP/s, copy 12.3 GB/s; load 0.2 before, 1.5 after\n"))
        // What is drawn is drawn over, and goes before the table grows.
        let drawn = /\r2\/3 inverse\/145  (warm-up|round 3\/7)  0:\d\d\x{1B}\[K/
        #expect(status.matches(of: drawn).map { $0.1 } == ["warm-up", "round 3/7"], "\(status.debugDescription)")
        #expect(status.hasSuffix("\u{1B}[K\r\u{1B}[K"))
    }

    /// Times of other precisions and layouts are others.
    @Test func theFileTellsTheConditions() throws {
        for layout in ImageLayout.allCases {
            let report = BenchmarkReport(
                machine: Self.machine, results: [], mixesPrecision: layout == .standard, imageLayout: layout)
            let values = try JSONSerialization.jsonObject(with: Data(try report.json().utf8)) as? [String: Any]
            #expect(values?["image_layout"] as? String == layout.rawValue)
            #expect(values?["mixes_precision"] as? Bool == (layout == .standard))
        }
    }

    @Test func theTableOfScaling() {
        let lines = Self.report.scalingTable.split(separator: "\n").map(String.init)
        #expect(
            lines == [
                "axis,value,case,seconds,cpu_seconds,bound_seconds,flops,plain_seconds,eigh_seconds,sgd_seconds",
                "channels,16,input-factor/64x16x14x14,0.0125,0.025,0.005,500000000.0,0.05,,",
                "dimension,145,inverse/145,0.2,0.4,0.01,1000000.0,,1.0,",
                "depth,8,step/resnet8/64,0.4,0.8,0.3,30000000000.0,,,0.25",
            ])
    }

    @Test func thePageOfScaling() {
        let reader = PageReader(Self.report.scalingPage)
        #expect(reader.fault == nil, "\(String(describing: reader.fault))")
        // A picture for each axis with any result; in each what was measured, its bound, and what it is compared with.
        let pictures = reader.elements.filter { $0.attributes["role"] == "img" }
        #expect(pictures.count == 3)
        #expect(reader.count("polyline") == 9)
        #expect(reader.count("script") == 0)
        #expect(reader.texts.joined().contains("Step of a ResNet, 64 examples"))
    }

    @Test func curvesThatRiseAreFollowed() {
        let points = [(16.0, 1.0), (256, 500)].map { (x: $0.0, y: Spread([$0.1])!) }
        func marks(_ follows: Bool) -> String {
            Chart(
                title: "", xName: "x", yName: "y", curves: [Chart.Curve(name: "c", style: 0, points: points)],
                fitsHorizontalScale: follows, followsRises: follows
            ).picture(identifier: "i")!.description
        }
        #expect(marks(true).contains(">100</text>"))
        #expect(marks(true).contains("x, logarithmic"))
        #expect(!marks(false).contains("logarithmic"))
    }

    @Test func filesAreWrittenWhole() throws {
        let folder = TemporaryFolder()
        let file = try ReportFile(path: folder("report.json"))
        #expect(folder.names == [])
        try file.write("one")
        try file.write("two")
        #expect(try String(contentsOfFile: folder("report.json"), encoding: .utf8) == "two")
        #expect(folder.names == ["report.json"])
    }

    @Test func filesThatCannotBeWrittenAreRefusedBefore() throws {
        let folder = TemporaryFolder()
        try folder.write([], to: "file")
        func reason(_ path: String) -> String? {
            #expect(throws: BenchmarkError.self) { try ReportFile(path: path) }?.description
        }
        #expect(reason(folder.path) == "\(folder.path) cannot be written: it is a folder: give another file")
        for parent in ["file", "missing"] {
            let path = folder("\(parent)/report.json")
            #expect(
                reason(path)
                    == "\(path) cannot be written: there is no folder \(folder(parent)): give another file")
        }
    }
}
