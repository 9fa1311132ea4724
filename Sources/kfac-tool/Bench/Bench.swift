import ArgumentParser
import Benchmarking
import FirstOrder
import Foundation
import KFAC
import Torch
import Training

/// The command `kfac bench`.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time the parts of a K-FAC step and whole steps, and compare them with what the machine can do.",
        discussion: """
            One process measures products of large matrices and copies of memory, then each case together with what it is \
            compared with, in turns: input and output factors with the plain path (all patches in memory and one \
            general product), inverses with eigendecompositions, whole steps with steps of SGD. The bound of a case is \
            max(flops / peak, bytes / bandwidth), with the least flops and bytes that are needed at all.

            Cases have names such as input-factor/256x32x28x28; those of other sizes can be timed by such names, too. \
            Images are NxCxHxW (examples, channels, height, width), dense factors BxN (rows, features), gradients MxN \
            (outputs, inputs), steps NETWORK or NETWORK/BATCH. A step is the mean over ten, with fresh statistics at \
            each and inverses every 10 (of the autoencoder every 5, with the quadratic model).

            Examples:
              kfac bench
              kfac bench --case input-factor --case inverse/1153 --json bench.json
              kfac bench --case input-factor/100x48x20x20 --threads 1
              kfac bench --scaling --csv scaling.csv --page scaling.html
            """)

    @Option(
        name: .customLong("case"),
        help: ArgumentHelp(
            "Time this case only: a name of --list, its beginning, or sizes of your own; once for each.",
            valueName: "case"))
    var patterns: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of rounds of each case, whose median counts. (default: \(Self.defaultRepeats))",
            valueName: "count"),
        transform: SettingBounds.repeats.count)
    var repeats: Int?

    private static let defaultRepeats = 7

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The number of threads. (default: one for each core)", valueName: "count"),
        transform: SettingBounds.threads.count)
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "What the layers of steps compute in, of K-FAC and SGD alike: bfloat16 is mixed precision. (default: float32)",
            valueName: "type"))
    var precision: PrecisionName?

    @Flag(help: "Leave out eigendecompositions of more than 4000 rows.")
    var quick = false

    @Option(
        help: ArgumentHelp(
            "How images lie in memory in the steps of networks, channels-last or standard. (default: the "
                + "faster one: channels-last on x86 processors)",
            valueName: "layout"),
        transform: ProblemOptions.layout(named:))
    var layout: ImageLayout?

    @Flag(help: "List the names of the cases.")
    var list = false

    @Flag(help: "Time how the work grows with batch, channels, dimension and depth.")
    var scaling = false

    @Option(help: ArgumentHelp("Write all numbers to this file, too.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("With --scaling, write the numbers along each axis to this file.", valueName: "file"))
    var csv: String?

    @Option(help: ArgumentHelp("With --scaling, draw the curves into this page (HTML).", valueName: "file"))
    var page: String?

    func validate() throws {
        for (option, path) in [("--json", json), ("--csv", csv), ("--page", page)] where path == "" {
            throw ValidationError("\(option) needs the path of a file; an empty text was given.")
        }
        let files = [json, csv, page].compactMap(\.self).map { URL(fileURLWithPath: $0).standardizedFileURL.path }
        guard Set(files).count == files.count else {
            throw ValidationError("--json, --csv and --page need a file each; one was given twice.")
        }
        for (option, path) in [("--csv", csv), ("--page", page)] where path != nil && !scaling {
            throw ValidationError("\(option) is for --scaling only.")
        }
        for (option, isGiven) in [
            ("--repeats", repeats != nil), ("--threads", threads != nil), ("--precision", precision != nil),
            ("--layout", layout != nil), ("--quick", quick), ("--json", json != nil), ("--csv", csv != nil),
            ("--page", page != nil),
        ] where list && isGiven {
            throw ValidationError("\(option) has no effect with --list, which times nothing: leave one of them out.")
        }
    }

    func run() throws {
        let known = scaling ? Scaling.cases : BenchmarkCase.standard
        let cases = patterns.isEmpty ? known : try known.matching(patterns)
        guard !list else {
            for benchmarkCase in cases { print(benchmarkCase) }
            return
        }
        Runtime.retainFreedMemory()
        if let threads { Runtime.threadCount = threads }
        // Nothing is timed for files that cannot be written.
        let contents: [(path: String?, content: (BenchmarkReport) throws -> String)] = [
            (json, { try $0.json() }), (csv, { $0.scalingTable }), (page, { $0.scalingPage }),
        ]
        let files = try contents.compactMap { path, content in
            try path.map { (file: try ReportFile(path: $0), content: content) }
        }
        let progress = BenchmarkProgress(to: StandardStreams.result(), status: .standardError())
        let conditions = StepConditions(
            imageLayout: layout ?? StepConditions().imageLayout, mixesPrecision: precision == .bfloat16)
        let benchmark = Benchmark(
            cases: cases, repeats: repeats ?? Self.defaultRepeats, isQuick: quick, conditions: conditions)
        try benchmark.run { event in
            progress.receive(event)
            // After each case: what there is so far survives an interruption.
            if case .result(let report) = event {
                for (file, content) in files { try file.write(content(report)) }
            }
        }
    }
}
