import Foundation
import TestSupport
import Testing

/// Runs with less and less memory: they fit, or end with a sentence.
@Suite(.serialized) struct MemoryLimitTests {
    let folder = TemporaryFolder()

    /// The greatest address space of a command, in kB: what it has at the end of the run as far as that is seen.
    private func peak(_ arguments: [String]) throws -> Int {
        var peak = 0
        let result = try Tool.run(arguments, in: folder) { running in
            while running.isRunning {
                let status = (try? String(contentsOfFile: "/proc/\(running.identifier)/status", encoding: .utf8)) ?? ""
                let line = status.split(separator: "\n").first { $0.hasPrefix("VmPeak:") }
                peak = max(peak, line.flatMap { Int($0.filter(\.isNumber)) } ?? 0)
                Thread.sleep(forTimeInterval: 0.002)
            }
        }
        #expect(result.status == 0, "\(result.errors)")
        return peak
    }

    private func run(_ arguments: [String], kilobytes: Int) throws -> Tool.Result {
        try Tool.run(
            ["-c", "ulimit -v \(kilobytes); exec \"$0\" \"$@\"", Tool.path] + arguments, in: folder, program: "/bin/sh")
    }

    /// What a run may say where there is too little memory: our own sentence, or that of the library of threads.
    private func expectSentence(_ result: Tool.Result, _ what: String) {
        #expect(result.status > 0 && result.status < 128, "\(what): \(result)")
        let text = result.errors
        for word in ["Fatal error", "Backtrace", "crashed", "terminate called", "Stack dump"] {
            #expect(!text.contains(word), "\(what): \(text)")
        }
        let isOurs = text.hasPrefix("Error: ") && text.split(separator: "\n").count == 1
        #expect(isOurs || text.hasPrefix("libgomp: "), "\(what): \(text)")
    }

    @Test(
        .enabled(if: FileManager.default.fileExists(atPath: "/proc/self/status")),
        arguments: [["--optimizer", "kfac"], ["--optimizer", "adam"]])
    func eachLimitEndsWell(method: [String]) throws {
        try folder.writeImages(training: 400, test: 100)
        let arguments = ["train", "--data", ".", "--batch-size", "400", "--epochs", "1", "--quiet"] + method
        let base = try peak(["--version"])
        let most = try peak(arguments + ["--output", "all"])
        #expect(most > base)
        var fitting = 0
        for number in 0..<8 {
            let limit = base - base / 20 + (most + most / 10 - base) * number / 7
            // With less than libtorch needs to be loaded, the program does not begin.
            guard try run(["--version"], kilobytes: limit).status == 0 else { continue }
            // Close to that, allocations of Swift's own library fail, which end any program.
            guard limit > base + base / 50 else { continue }
            let result = try run(arguments + ["--output", "run\(number)"], kilobytes: limit)
            if result.status == 0 {
                fitting += 1
            } else {
                expectSentence(result, "\(method) with \(limit) of \(base) to \(most) kB")
            }
        }
        #expect(fitting > 0)
    }

    /// The last checkpoint is named, and a run with more memory goes on from it.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/status")))
    func checkpointsStand() throws {
        try folder.writeImages(training: 1200, test: 10)
        // Batches grow until they do not fit.
        let arguments = [
            "train", "--data", ".", "--optimizer", "sgd", "--batch-size", "10", "--batch-growth", "8", "--steps", "8",
            "--test-period", "100", "--checkpoint-period", "1", "--quiet",
        ]
        let small = try peak([
            "train", "--data", ".", "--optimizer", "sgd", "--batch-size", "10", "--steps", "1", "--quiet", "--output",
            "small",
        ])
        let most = try peak(arguments + ["--output", "all"])
        let result = try run(arguments + ["--output", "run"], kilobytes: (small + most) / 2)
        expectSentence(result, "growing batches")
        #expect(
            result.errors.contains("lower --batch-size") && result.errors.contains("run/checkpoints/"),
            "\(result.errors)")
        let resumed = try Tool.run(["train", "--resume", "run", "--quiet"], in: folder)
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: folder("run/weights.safetensors")))
                == Data(contentsOf: URL(fileURLWithPath: folder("all/weights.safetensors"))))
    }
}
