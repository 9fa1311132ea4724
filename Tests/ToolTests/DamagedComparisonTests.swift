import Foundation
import TestSupport
import Testing

/// What `kfac compare` says of a folder that it cannot continue in, which stays as it was.
@Suite struct DamagedComparisonTests {
    let folder = TemporaryFolder()
    private static let arguments = [
        "compare", "--problem", "poisson", "--train-limit", "10", "--test-limit", "5", "--method", "sgd", "--steps",
        "2",
        "--trials", "1", "--seeds", "1", "--output", "out", "--quiet",
    ]

    init() throws {
        let result = try Tool.run(Self.arguments, in: folder)
        try #require(result.status == 0, "\(result.errors)")
    }

    /// Replaces a file, and expects a sentence about it.
    private func expectError(
        of file: String, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let report = try Data(contentsOf: URL(fileURLWithPath: folder("out/report.html")))
        let result = try Tool.run(Self.arguments, in: folder)
        #expect(result.status == 1, sourceLocation: sourceLocation)
        #expect(result.errors == "Error: out/\(file)\(message)\n", sourceLocation: sourceLocation)
        let after = try Data(contentsOf: URL(fileURLWithPath: folder("out/report.html")))
        #expect(after == report, sourceLocation: sourceLocation)
    }

    /// In the order in which they are read.
    @Test func pipesInPlaceOfFiles() throws {
        for file in ["choices.json", "runs/sgd/seed-1.csv", "machines.json", "plan.json"] {
            try FileManager.default.removeItem(atPath: folder("out/\(file)"))
            #expect(mkfifo(folder("out/\(file)"), 0o600) == 0)
            try expectError(
                of: file,
                " cannot be read: it is a pipe, and a regular file is needed: make it readable, or give another folder for "
                    + "the output")
        }
    }

    @Test func damagedNotes() throws {
        for content in ["", String(repeating: "[", count: 100_000)] {
            try folder.write(content.utf8, to: "out/machines.json")
            try expectError(
                of: "machines.json",
                " is not the note of the machines that the runs were done on: delete it to do without")
        }
    }

    @Test func damagedRecords() throws {
        let file = "runs/sgd/seed-1.csv"
        let header = "step,examples,seconds,cpu_seconds,loss,test_loss,test_error,test_accuracy\n"
        for (line, reason) in [
            ("0,0,nan,0.0,,1.0,1.0,", "steps up to 2, examples and times, none negative or infinite, should be there"),
            (
                "9223372036854775807,0,1.0,0.0,nan,,,",
                "steps up to 2, examples and times, none negative or infinite, should be there"
            ),
            ("9223372036854775808,0,1.0,0.0,nan,,,", "8 fields, numbers or empty, should be there"),
        ] {
            try folder.write((header + line + "\n").utf8, to: "out/\(file)")
            try expectError(
                of: file, ", line 2, is not what a run wrote: \(reason): delete the file to repeat the run")
        }
    }

    /// Numbers at the ends of what there is are drawn, too.
    @Test func extremeRecords() throws {
        let header = "step,examples,seconds,cpu_seconds,loss,test_loss,test_error,test_accuracy\n"
        for (first, last) in [("5e-324", "1e308"), ("nan", "-inf")] {
            let content = header + "0,0,0.0,0.0,,\(first),\(first),\n2,9,5e-324,1.7e308,\(last),\(last),\(last),\n"
            try folder.write(content.utf8, to: "out/runs/sgd/seed-1.csv")
            let result = try Tool.run(Self.arguments, in: folder)
            #expect(result.status == 0 && result.errors == "")
        }
    }
}
