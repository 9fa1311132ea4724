import Foundation
import Testing
import Torch

@testable import Benchmarking
@testable import Reports
@testable import Training

@Suite struct MeasurementTests {
    @Test func formsTakeTurns() throws {
        var calls: [String] = []
        var rounds: [Int] = []
        let turns = Turns(rounds: 3) { rounds.append($0) }
        // As slow as that, nothing is repeated within a round.
        let samples = try turns.samples(
            of: ["a", "b"].map { name in
                {
                    calls.append(name)
                    usleep(25_000)
                }
            })
        #expect(calls == ["a", "b", "a", "b", "a", "b", "a", "b"])
        #expect(rounds == [0, 1, 2, 3])
        #expect(samples.map(\.count) == [3, 3])
        #expect(samples.joined().allSatisfy { $0.seconds >= 0.025 && $0.cpuSeconds >= 0 })
    }

    @Test func whatIsShortIsRepeated() throws {
        var count = 0
        let samples = try Turns(rounds: 2).samples(of: [{ count += 1 }])
        #expect(count == 101)
        #expect(samples[0].allSatisfy { $0.seconds > 0 })
    }

    @Test func errorsEndTheRounds() {
        var count = 0
        #expect(throws: CancellationError.self) {
            try Turns(rounds: 5).samples(of: [
                {
                    count += 1
                    throw CancellationError()
                }
            ])
        }
        #expect(count == 1)
    }

    @Test func medians() {
        #expect([3.0, 1, 2].median == 2)
        #expect([4.0, 1, 2, 3].median == 2.5)
        let samples = [(1.0, 30.0), (2, 10), (9, 20)].map { Sample(seconds: $0.0, cpuSeconds: $0.1) }
        #expect(Sample.median(samples) == Sample(seconds: 2, cpuSeconds: 20))
    }

    /// A case with what it is compared with.
    static let cases: [(name: String, hasPlain: Bool, hasEigh: Bool, hasSGD: Bool)] = [
        ("input-factor/2x4x6x6", true, false, false), ("input-factor-strided/2x3x5x5", true, false, false),
        ("input-factor-5x5/1x2x7x7", true, false, false), ("output-factor/2x4x3x3", true, false, false),
        ("dense-factor/3x4", true, false, false), ("inverse/5", false, true, false), ("inverse/1", false, true, false),
        ("precondition/2x3", false, false, false), ("step/resnet8/2", false, false, true),
        ("step/autoencoder-fractions/9", false, false, true), ("step/resnet8-moments/2", false, false, true),
    ]

    @Test(arguments: cases) func eachFamilyIsMeasured(name: String, hasPlain: Bool, hasEigh: Bool, hasSGD: Bool) throws
    {
        let benchmarkCase = try #require(BenchmarkCase(name))
        // A round of steps is ten of them or more.
        let rounds = hasSGD ? 1 : 2
        let found = try benchmarkCase.measurement(
            Turns(rounds: rounds), isQuick: false, conditions: StepConditions(imageLayout: .standard))
        #expect(found.samples.count == rounds)
        #expect(found.work.flops > 0 && found.work.bytes > 0)
        #expect(found.plain?.count == (hasPlain ? rounds : nil))
        #expect(found.eigh?.count == (hasEigh ? rounds : nil))
        #expect(found.sgd?.count == (hasSGD ? rounds : nil))
        #expect(found.phases.isEmpty != hasSGD)
        let names = found.phases.map(\.name)
        if hasSGD {
            for phase in ["forward", "backward", "statistics", "inverses", "preconditioning"] {
                #expect(names.contains(phase))
            }
        }
        #expect(names.contains("quadraticModel") == name.contains("autoencoder"))
        #expect(names.contains("curvatureForward") == name.contains("fractions"))
    }
}
