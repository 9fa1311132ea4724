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

    @Test(arguments: [SIGINT, SIGTERM])
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
}
