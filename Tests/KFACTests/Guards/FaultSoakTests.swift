import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Long runs in which things go wrong at random: no parameter is ever not finite, each fault is told of, and all
/// inverses are regular again one inverse period after it.
///
/// A few hundred steps by default; `KFAC_SOAK_STEPS=10000` makes it as many.
@Suite(.serialized) struct FaultSoakTests {
    private static let stepCount = ProcessInfo.processInfo.environment["KFAC_SOAK_STEPS"].flatMap(Int.init) ?? 600
    private static let period = 3

    /// A run of a kind of layer, with a schedule that depends on its number.
    private static let runs: [(kind: GuardCase, dtype: DType, number: Int)] = [DType.float32, .float64]
        .flatMap { dtype in GuardCase.allCases.map { ($0, dtype) } }.enumerated().map { ($1.0, $1.1, $0) }

    /// Random numbers that are the same everywhere.
    private struct Dice {
        var state: UInt64

        /// A number from 0 to below 1.
        mutating func roll() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 11) * 0x1p-53
        }
    }

    /// What came of the runs.
    private struct Tally {
        var steps = 0
        var faults: [Fault: Int] = [:]
        var events: [GuardEvent.Kind: Int] = [:]
        var untold: [String] = []
        var notFinite = 0
        var longestRecovery = 0
        var seconds = 0.0
    }

    private static func schedule(_ number: Int) -> InverseSchedule {
        switch number % 4 {
        case 0: .together(every: period)
        case 1: .roundRobin(every: period)
        case 2: .background(every: period, after: 2)
        case 3 where isEigenbasis(number): .growing(every: period)
        default: .whenStale(beyond: 0.2, atMost: period)
        }
    }

    private static func isEigenbasis(_ number: Int) -> Bool { number % 5 == 4 }

    private static func optimizer(_ network: GuardNetwork, _ number: Int) -> KFACOptimizer {
        let rules: [StepRule] = [
            .fixed(learningRate: 0.1), .momentumOfGradients(learningRate: 0.1), .quadraticModel(),
        ]
        if isEigenbasis(number) {
            let rule = EigenbasisMoments(learningRate: 0.02, cautious: number % 2 == 0)
            return network.optimizer(rule: .eigenbasisMoments(rule), inverses: schedule(number))
        }
        if number % 7 == 3 {
            return network.optimizer(
                rule: .grafted(.init(learningRate: 0.02)), inverses: schedule(number),
                preconditionerDamping: .relative(0.1))
        }
        if number % 7 == 6 {
            return network.optimizer(
                rule: rules[number % 3], inverses: .together(every: period), eigenvalues: .examples)
        }
        // A quadratic model of a few examples is to be trusted only as far as it proves itself.
        let adaptive = LevenbergMarquardt(initial: 1, interval: 2, minimum: 0.03, rejectsBadSteps: true)
        let damping: Damping = number % 3 == 2 ? .adaptive(adaptive) : 0.1
        return network.optimizer(rule: rules[number % 3], inverses: schedule(number), damping: damping)
    }

    /// Steps with faults, then steps without.
    private static func run(
        _ run: (kind: GuardCase, dtype: DType, number: Int), steps: Int, _ tally: inout Tally
    ) throws {
        let network = run.kind.network(run.dtype)
        let optimizer = optimizer(network, run.number)
        var dice = Dice(state: UInt64(run.number) &* 7919 &+ 1)
        let test = network.batch(64, seed: 99_999)
        func testLoss() -> Double { withoutGradients { network.loss(test).mean.scalar } }
        let quiet = max(4 * period, steps / 3)
        // The step of a fault in the inverses that was not told yet, and of the last fault of any kind.
        var pending: (fault: Fault, step: Int)?
        var lastFault = 0
        var before = testLoss()
        for step in 0..<steps {
            let isQuiet = step >= steps - quiet
            if step == steps - quiet { before = testLoss() }
            var fault: Fault?
            // What fails in the inverses is to be told apart from what fails next.
            if !isQuiet, pending == nil, dice.roll() < 0.4 {
                fault = Fault.allCases[Int(dice.roll() * Double(Fault.allCases.count))]
                // There is no average to be broken yet.
                if step == 0, fault == .brokenAverage { fault = .zeros }
            }
            if let fault {
                tally.faults[fault, default: 0] += 1
                lastFault = step
                if fault.waitsForInverses { pending = (fault, step) }
                fault.breakAverage(of: optimizer, value: dice.roll() < 0.5 ? .nan : -1e3)
            }
            let report = try InverseLadder.$fault.withValue(pending?.fault.inverseFault) {
                try optimizer.step {
                    // Without faults the loss of one batch must fall, whatever other batches say.
                    isQuiet
                        ? network.loss(test)
                        : fault.map { $0.loss(network, seed: UInt64(step)) }
                            ?? network.loss(network.batch(8, seed: UInt64(step)))
                }
            }
            tally.steps += 1
            for event in report.guards { tally.events[event.kind, default: 0] += 1 }
            if !network.isFinite { tally.notFinite += 1 }

            if let fault, !fault.waitsForInverses, fault.mustBeTold(by: run.kind), report.guards.isEmpty {
                tally.untold.append("\(run.kind) \(run.dtype) \(fault) at step \(step)")
            }
            if let waiting = pending {
                let told = report.guards.contains { [.inverseRepaired, .statisticsRestarted].contains($0.kind) }
                // Within one period there is an update, which for another thread's comes later by its delay.
                if told {
                    pending = nil
                    lastFault = step
                } else if step - waiting.step > 3 * period {
                    tally.untold.append("\(run.kind) \(run.dtype) \(waiting.fault) at step \(waiting.step)")
                    pending = nil
                }
            }
            if pending == nil, report.inverses.contains(where: { $0.repair != nil }) {
                tally.longestRecovery = max(tally.longestRecovery, step + 1 - lastFault)
            }
        }
        #expect(
            optimizer.preconditioner.status(of: optimizer.curvature.blocks, atStep: 0).allSatisfy { $0.repair == nil })
        let after = testLoss()
        #expect(after < before, "\(run.kind) \(run.dtype) \(optimizer.configuration.rule): \(before) to \(after)")
    }

    @Test func soak() throws {
        var tally = Tally()
        let clock = ContinuousClock()
        let start = clock.now
        let share = (Self.stepCount + Self.runs.count - 1) / Self.runs.count
        for run in Self.runs { try Self.run(run, steps: max(share, 12), &tally) }
        tally.seconds = start.duration(to: clock.now) / .seconds(1)
        #expect(tally.notFinite == 0)
        #expect(tally.untold.isEmpty, "\(tally.untold)")
        // The update after the last fault makes an inverse regular; another thread's is taken into use later.
        #expect(tally.longestRecovery <= 2 * Self.period)
        for kind in [GuardEvent.Kind.stepRejected, .statisticsRejected, .inverseRepaired] {
            #expect(tally.events[kind, default: 0] > 0)
        }
        print(
            "soak: \(tally.steps) steps in \(tally.seconds) s, \(tally.notFinite) with parameters that are not finite, "
                + "longest recovery \(tally.longestRecovery) steps")
        print("faults: " + Fault.allCases.map { "\($0) \(tally.faults[$0, default: 0])" }.joined(separator: ", "))
        print(
            "events: "
                + GuardEvent.Kind.allCases.map { "\($0) \(tally.events[$0, default: 0])" }.joined(separator: ", "))
    }
}
