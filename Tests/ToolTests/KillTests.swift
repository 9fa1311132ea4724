import Foundation
import TestSupport
import Testing
import Training

/// Runs that are killed at random moments, while they write checkpoints, too, end in the bits of one that was not.
///
/// The environment variable KFAC_KILLS says how often; by default a few times.
@Suite struct KillTests {
    let folder = TemporaryFolder()

    private static let kills = ProcessInfo.processInfo.environment["KFAC_KILLS"].flatMap { Int($0) } ?? 8

    /// A checkpoint after each step: a large part of the time goes into writing them.
    private static let arguments = [
        "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--steps", "30", "--test-limit",
        "20", "--threads", "1", "--checkpoint-period", "1", "--quiet",
    ]

    private func lastState(_ run: String) throws -> [Data] {
        let path = try #require(CheckpointFolder(path: folder("\(run)/checkpoints")).paths.last)
        return try ["model", "state"].map {
            try Data(contentsOf: URL(fileURLWithPath: "\(path)/\($0).safetensors"))
        }
    }

    @Test func killedRunsEndInTheSameBits() throws {
        let clock = ContinuousClock()
        var undisturbed = Duration.zero
        undisturbed = try clock.measure {
            let result = try Tool.run(Self.arguments + ["--output", "whole"], in: folder)
            #expect(result.status == 0, "\(result.errors)")
        }
        let whole = try lastState("whole")
        var generator = SplitMix64(state: 11)
        var (kills, rounds, abandoned) = (0, 0, 0)
        while kills < Self.kills {
            rounds += 1
            let name = "run\(rounds)"
            // Longer with each kill: on a machine that has become busy, a run would otherwise never come to its end.
            var longest = max(0.05, undisturbed / .seconds(1))
            while true {
                // Killed before there was a run to go on with: it begins anew.
                let hasRun = FileManager.default.fileExists(atPath: folder("\(name)/config.json"))
                let arguments = hasRun ? ["train", "--resume", name] : Self.arguments + ["--output", name]
                let seconds = Double.random(in: 0.02...longest, using: &generator)
                longest *= 1.2
                let result = try Tool.run(arguments, in: folder) { running in
                    let end = clock.now + .seconds(seconds)
                    while running.isRunning, clock.now < end { Thread.sleep(forTimeInterval: 0.002) }
                    if running.isRunning { kill(running.identifier, SIGKILL) }
                }
                // Whatever has a checkpoint's name is one.
                let checkpoints = CheckpointFolder(path: folder("\(name)/checkpoints"))
                for path in checkpoints.paths { _ = try CheckpointFolder.read(path) }
                let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints.path)) ?? []
                abandoned += names.count - checkpoints.paths.count
                if result.status == 0 { break }
                #expect(result.status == 128 + SIGKILL, "\(result.errors)")
                kills += 1
            }
            let last = try lastState(name)
            #expect(last == whole, "after \(kills) kills, in round \(rounds)")
        }
        print("killed \(kills) times in \(rounds) runs, \(abandoned) times in the middle of a checkpoint")
    }
}

/// Numbers that follow from a seed.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
