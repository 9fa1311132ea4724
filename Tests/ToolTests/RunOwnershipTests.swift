import Foundation
import TestSupport
import Testing
import Training

/// Commands that begin at once: a folder belongs to one of them, and none touches what is another's.
@Suite struct RunOwnershipTests {
    let folder = TemporaryFolder()

    private static let training = [
        "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--steps", "6", "--test-limit",
        "20",
        "--threads", "1", "--optimizer", "sgd", "--quiet",
    ]
    private static let comparing = [
        "compare", "--problem", "poisson", "--train-limit", "10", "--test-limit", "5", "--method", "sgd", "--steps",
        "2",
        "--trials", "1", "--seeds", "1", "--threads", "1", "--quiet",
    ]

    /// Runs a command several times at once; returns what each came to.
    private func atOnce(_ arguments: [String], count: Int = 4) throws -> [Tool.Result] {
        // The processes wait for the folder "go", so that none begins before all are there.
        let script = "while [ ! -e go ]; do sleep 0.01; done; exec \"$0\" \"$@\""
        var others: [Tool.Result] = []
        func begin(_ left: Int) throws {
            if left == 0 {
                try FileManager.default.createDirectory(atPath: folder("go"), withIntermediateDirectories: false)
                return
            }
            others.append(
                try Tool.run(["-c", script, Tool.path] + arguments, in: folder, program: "/bin/sh") { _ in
                    try begin(left - 1)
                })
        }
        try begin(count)
        return others
    }

    /// One run is begun, is complete, and can be resumed; the others say why they are not.
    @Test func oneOfManyGetsTheFolder() throws {
        let results = try atOnce(Self.training + ["--output", "new/run"])
        #expect(results.count { $0.status == 0 } == 1, "\(results.map(\.errors))")
        for result in results where result.status != 0 {
            #expect(result.status == 1)
            #expect(
                [
                    "Error: new/run already holds a run: give another folder for the output\n",
                    "Error: new/run is being written by another process: wait for its end, or stop it\n",
                ].contains(result.errors), "\(result.errors)")
        }
        #expect(try Metric.read(folder("new/run/metrics.jsonl")).last?.outcome?.status == "completed")
        #expect(try Tool.run(["train", "--resume", "new/run"], in: folder).status == 0)
    }

    /// Names of one second are told apart.
    @Test func withoutAFolderEachHasItsOwn() throws {
        for arguments in [Self.training, Self.comparing] {
            let results = try atOnce(arguments)
            #expect(results.allSatisfy { $0.status == 0 }, "\(results.map(\.errors))")
            try FileManager.default.removeItem(atPath: folder("go"))
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder("runs"))
        #expect(names.count == 8, "\(names)")
        for name in names {
            let metrics = folder("runs/\(name)/metrics.jsonl")
            if name.contains("comparison") {
                #expect(FileManager.default.fileExists(atPath: folder("runs/\(name)/report.html")))
            } else {
                #expect(try Metric.read(metrics).last?.outcome?.status == "completed")
            }
        }
    }

    /// The others find it at work, or complete.
    @Test func comparisonsDoNotMeet() throws {
        let results = try atOnce(Self.comparing + ["--output", "out"])
        #expect(results.contains { $0.status == 0 })
        for result in results where result.status != 0 {
            #expect(
                result.errors
                    == "Error: another comparison is at work in out: wait for its end, or give another folder for "
                    + "the output\n")
        }
        let again = try Tool.run(Self.comparing + ["--output", "out"], in: folder)
        #expect(again.status == 0, "\(again.errors)")
    }

    /// The checkpoints tell the options, too, and the file is there again afterwards.
    @Test(arguments: [nil, "{\"arguments\": ["]) func aLostConfigurationEndsNothing(content: String?) throws {
        #expect(
            try Tool.run(Self.training + ["--checkpoint-period", "3", "--output", "run"], in: folder).status == 0)
        let config = try Data(contentsOf: URL(fileURLWithPath: folder("run/config.json")))
        try FileManager.default.removeItem(atPath: folder("run/checkpoints/step-00000006"))
        try FileManager.default.removeItem(atPath: folder("run/config.json"))
        if let content { try folder.write(content.utf8, to: "run/config.json") }
        let result = try Tool.run(["train", "--resume", "run"], in: folder)
        #expect(result.status == 0)
        #expect(
            result.errors
                == "note: run/config.json is missing or damaged: using the options in the checkpoint\n")
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("run/config.json"))) == config)
        #expect(FileManager.default.fileExists(atPath: folder("run/checkpoints/step-00000006")))
    }

    /// A checkpoint that lies elsewhere has no run's folder two levels above it.
    @Test func aCheckpointAloneIsNoRun() throws {
        #expect(try Tool.run(Self.training + ["--output", "run"], in: folder).status == 0)
        try FileManager.default.createDirectory(atPath: folder("a"), withIntermediateDirectories: false)
        try FileManager.default.moveItem(atPath: folder("run/checkpoints/step-00000006"), toPath: folder("a/copy"))
        let result = try Tool.run(["train", "--resume", "a/copy"], in: folder)
        #expect(result.status == 1)
        #expect(result.errors.contains("config.json does not tell the options of the run"))
        #expect(folder.names == ["a", "run"])
    }

    /// A folder that holds checkpoints is another run's, whatever else is lost.
    @Test func checkpointsAreNotRemovedByANewRun() throws {
        #expect(try Tool.run(Self.training + ["--output", "run"], in: folder).status == 0)
        for name in ["config.json", "metrics.jsonl", "weights.safetensors"] {
            try FileManager.default.removeItem(atPath: folder("run/\(name)"))
        }
        let result = try Tool.run(Self.training + ["--output", "run"], in: folder)
        #expect(result.status == 1)
        #expect(result.errors == "Error: run already holds a run: give another folder for the output\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("run")) == ["checkpoints"])
    }
}
