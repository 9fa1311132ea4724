import Foundation
import TestSupport
import Testing

@Suite struct InterruptionTests {
    let folder = TemporaryFolder()

    /// Waits until the run has written the metrics of a step; false where it ended before.
    private func waitForAStep(_ running: Tool.Running) throws -> Bool {
        while running.isRunning {
            let text = try? String(contentsOfFile: folder("run/metrics.jsonl"), encoding: .utf8)
            if text?.contains("\"step\"") == true { return true }
            Thread.sleep(forTimeInterval: 0.01)
        }
        return false
    }

    /// The run would go on for very long.
    private func train(_ whileRunning: (Tool.Running) throws -> Void) throws -> Tool.Result {
        try Tool.run(
            [
                "train", "--data", ".", "--optimizer", "sgd", "--learning-rate", "1e-6", "--epochs", "1000000",
                "--output", "run",
            ], in: folder, whileRunning: whileRunning)
    }

    /// One of each row of the table, of which `InterruptionTableTests` tries all.
    @Test(arguments: [SIGINT, SIGHUP, SIGUSR1, __libc_current_sigrtmin()])
    func aSignalEndsTheRunWithItsSummary(signal: Int32) throws {
        try folder.writeImages(training: 40, test: 10)
        let result = try train { running in
            let hasStep = try waitForAStep(running)
            #expect(hasStep)
            kill(running.identifier, signal)
        }
        #expect(result.status == 75)
        #expect(result.errors == "")
        #expect(result.lines.contains { $0.hasPrefix("interrupted: ") })
        #expect(result.lines.suffix(2) == ["metrics: run/metrics.jsonl", "resume with: kfac train --resume run"])
        let metrics = try Metric.read(folder("run/metrics.jsonl"))
        #expect(metrics.last?.event == "run_end")
        #expect(metrics.last?.outcome?.status == "interrupted")
        #expect(metrics.last?.outcome?.signal == Int(signal))
        #expect(metrics.last?.steps == metrics.count { $0.event == "step" })
        #expect(metrics.last { $0.event == "checkpoint" }?.steps == metrics.last?.steps)
    }

    @Test func aSecondSignalEndsTheRunAtOnce() throws {
        // One step of all images, long enough for both signals to arrive in the middle of one.
        try folder.writeImages(training: 250, test: 10)
        let result = try train { running in
            let hasStep = try waitForAStep(running)
            #expect(hasStep)
            // Two different signals to a process that is stopped: neither is lost, and both are there when it goes on.
            for signal in [SIGSTOP, SIGINT, SIGTERM, SIGCONT] { kill(running.identifier, signal) }
        }
        #expect(result.status == 130 || result.status == 143)
        let metrics = try Metric.read(folder("run/metrics.jsonl"))
        #expect(metrics.contains { $0.event == "step" })
        #expect(!metrics.contains { $0.event == "run_end" })
    }

    /// In the middle of the first step, which may take very long, too.
    @Test func aSecondSignalEndsTheFirstStepAtOnce() throws {
        try folder.writeImages(training: 2000, test: 10)
        let arguments = ["train", "--data", ".", "--batch-size", "2000", "--threads", "1", "--output", "run"]
        let result = try Tool.run(arguments, in: folder) { running in
            while running.isRunning {
                let text = try? String(contentsOfFile: folder("run/metrics.jsonl"), encoding: .utf8)
                if text?.contains("epoch_start") == true { break }
                Thread.sleep(forTimeInterval: 0.005)
            }
            for signal in [SIGSTOP, SIGTERM, SIGINT, SIGCONT] { kill(running.identifier, signal) }
        }
        #expect(result.status == 130 || result.status == 143)
        #expect(try Metric.read(folder("run/metrics.jsonl")).allSatisfy { $0.event != "run_end" })
    }

    /// A terminal may send HUP twice, and the system sends XCPU each second.
    @Test func warningsMayComeAgain() throws {
        try folder.writeImages(training: 40, test: 10)
        let result = try train { running in
            let hasStep = try waitForAStep(running)
            #expect(hasStep)
            for signal in [SIGSTOP, SIGHUP, SIGXCPU, SIGUSR1, SIGCONT] { kill(running.identifier, signal) }
        }
        #expect(result.status == 75, "\(result.errors)")
        #expect(try Metric.read(folder("run/metrics.jsonl")).last?.outcome?.status == "interrupted")
    }

    /// By nohup, or as a job of a shell in the background.
    @Test(arguments: [("HUP", SIGHUP), ("INT", SIGINT)]) func whatIsIgnoredStaysSo(name: String, signal: Int32) throws {
        try folder.writeImages(training: 40, test: 10)
        let result = try Tool.run(
            [
                "-c", "trap '' \(name); exec \"$0\" \"$@\"", Tool.path, "train", "--data", ".", "--optimizer", "sgd",
                "--learning-rate", "1e-6", "--epochs", "1000000", "--output", "run",
            ], in: folder, program: "/bin/sh"
        ) { running in
            let hasStep = try waitForAStep(running)
            #expect(hasStep)
            // Any number of them.
            for _ in 0..<3 {
                kill(running.identifier, signal)
                Thread.sleep(forTimeInterval: 0.05)
            }
            kill(running.identifier, SIGTERM)
        }
        #expect(result.status == 75)
        #expect(try Metric.read(folder("run/metrics.jsonl")).last?.outcome?.signal == Int(SIGTERM))
    }

    /// A run of a few steps, with its output to whoever the script says; the status is in the file "status".
    private func run(_ script: String) throws {
        let arguments = [
            "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--steps", "20",
            "--test-limit",
            "20", "--test-period", "1", "--threads", "1", "--optimizer", "sgd", "--output", "run",
        ]
        _ = try Tool.run(["-c", script, Tool.path] + arguments, in: folder, program: "/bin/sh")
        #expect(try String(contentsOfFile: folder("status"), encoding: .utf8) == "0\n")
        let metrics = try Metric.read(folder("run/metrics.jsonl"))
        #expect(metrics.last?.outcome?.status == "completed" && metrics.last?.steps == 20)
        #expect(metrics.count { $0.event == "checkpoint" } >= 1)
        #expect(FileManager.default.fileExists(atPath: folder("run/weights.safetensors")))
    }

    /// Who reads the output, and stops, does not stop the run.
    @Test func aRunOutlivesItsReader() throws { try run("{ \"$0\" \"$@\"; echo $? > status; } | head -n 1") }

    /// No file that the run opens takes the place of the output.
    @Test(arguments: [">&-", ">&- 2>&-", "<&- >&- 2>&-"]) func aRunNeedsNoOutput(closed: String) throws {
        try run("( exec \"$0\" \"$@\" \(closed) ); echo $? > status")
    }

    /// The limit of a file's size has a signal of its own, which would end the run before it could say why.
    @Test func aFileThatGrowsTooLargeIsTold() throws {
        let arguments = [
            "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--steps", "100000",
            "--test-limit",
            "20", "--threads", "1", "--optimizer", "sgd", "--output", "run", "--no-checkpoints",
        ]
        let result = try Tool.run(
            ["-c", "ulimit -f 16; exec \"$0\" \"$@\"", Tool.path] + arguments, in: folder, program: "/bin/sh")
        #expect(result.status == 1)
        #expect(
            result.errors
                == "Error: run/metrics.jsonl cannot be written: a line could not be added: File too large: make room or "
                + "make it writable, then resume the run from its last checkpoint, if it has one\n")
        // Whole lines only; the shorter one of the end may still have its place.
        #expect(try Metric.read(folder("run/metrics.jsonl")).count { $0.event == "step" } > 10)
    }
}
