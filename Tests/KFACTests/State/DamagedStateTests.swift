import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// States whose numbers cannot be: refused, or harmless.
@Suite struct DamagedStateTests {
    private func kfac(
        _ subject: ResumeSubject, _ inverses: InverseSchedule = .together(every: 10)
    ) -> KFACOptimizer {
        KFACOptimizer(subject.parameters, configuration: .init(inverses: inverses))
    }

    /// The state after some steps, with some of it replaced.
    private func state(
        of make: (ResumeSubject) -> any Optimizer, replacing tensors: [String: Tensor]
    ) throws -> Snapshot {
        let subject = ResumeNetwork.perceptron.make()
        let optimizer = make(subject)
        for step in 0..<4 { try optimizer.step { subject.loss(step) } }
        return Snapshot(tensors: optimizer.state().tensors.merging(tensors) { $1 })
    }

    private func refusal(_ make: (ResumeSubject) -> any Optimizer, _ tensors: [String: Tensor]) throws -> String {
        let damaged = try state(of: make, replacing: tensors)
        let subject = ResumeNetwork.perceptron.make()
        let other = make(subject)
        let error = #expect(throws: SnapshotError.self) {
            try other.load(damaged)
            try other.step { subject.loss(4) }
        }
        return try #require(error).description
    }

    @Test(arguments: [true, false]) func countsBeyondAllStepsAreRefused(usesKFAC: Bool) throws {
        let text = try refusal(
            { usesKFAC ? kfac($0) : SGD($0.parameters) as any Optimizer }, ["stepCount": Tensor([Int.max])])
        #expect(
            text.contains("'stepCount' is 9223372036854775807, a number from 0 to 9007199254740992 was expected"))
    }

    /// What can be loaded can be stored again, at the end of all counts, too.
    @Test(arguments: averaging.indices) func theGreatestCountsAreStoredAgain(index: Int) throws {
        let most = Tensor([1 << 53])
        let make = Self.averaging[index]
        let good = try state(of: make, replacing: [:])
        let counts = good.tensors.keys.filter { $0.hasSuffix("stepCount") || $0.hasSuffix("updateCount") }
        #expect(!counts.isEmpty)
        let subject = ResumeNetwork.perceptron.make()
        let optimizer = make(subject)
        try optimizer.load(
            Snapshot(tensors: good.tensors.merging(counts.map { ($0, most) }) { $1 }))
        for step in 4..<6 { try optimizer.step { subject.loss(step) } }
        try make(ResumeNetwork.perceptron.make()).load(optimizer.state())
        #expect(optimizer.stepCount == 1 << 53)
    }

    @Test func inversesInTheBackgroundAreStoredAgain() throws {
        func make(_ subject: ResumeSubject) -> KFACOptimizer {
            kfac(subject, .background(every: 4, after: 3, initially: 1))
        }
        let good = try state(of: make, replacing: ["stepCount": Tensor([1 << 53])])
        let kept = good.tensors.filter { !$0.key.hasPrefix("inverses.pending") }
        let subject = ResumeNetwork.perceptron.make()
        let optimizer = make(subject)
        try optimizer.load(Snapshot(tensors: kept))
        for step in 4..<9 {
            try optimizer.step { subject.loss(step) }
            try make(ResumeNetwork.perceptron.make()).load(optimizer.state())
        }
    }

    @Test(arguments: [Int.max, -1]) func guardsCountNothingThatCannotBe(rejections: Int) throws {
        let guards = #"{"consecutiveRejections":\#(rejections),"lasting":[],"restarts":[],"scales":{}}"#
        let text = try refusal({ kfac($0) }, ["guards": Tensor(Array(guards.utf8))])
        #expect(text.contains("'guards' does not tell the state of guards"))
    }

    /// Means of squares of all methods; their roots are divided by.
    private static let averaging: [@Sendable (ResumeSubject) -> any Optimizer] =
        Method.all().map { method in { FirstOrderOptimizer($0.parameters, rule: method.rule) } }
        + [{ KFACOptimizer($0.parameters) }]

    @Test(arguments: averaging.indices) func negativeSquaresAreRefused(index: Int) throws {
        let good = try state(of: Self.averaging[index], replacing: [:])
        try Self.averaging[index](ResumeNetwork.perceptron.make()).load(good)
        let squares = good.tensors.keys.filter { name in
            let last = name.split(separator: ".").last!
            return ["square", "totalWeight"].contains(last) || last.hasPrefix("moment")
                || last == "value" && (name.contains(".input.") || name.contains(".output."))
        }
        #expect(squares.isEmpty == Method.all().prefix(2).indices.contains(index))
        for name in squares {
            let damaged = good.tensors[name]!.copy()
            damaged.flattened()[0..<1].fill(-1)
            let text = try refusal(Self.averaging[index], [name: damaged])
            #expect(text.contains("'\(name)' has negative elements where means of squares belong"), "\(text)")
        }
    }

    /// What a step computes with, whatever rule it has.
    @Test(arguments: [StepRule.fixed(), .eigenbasisMoments(), .grafted()])
    func numbersThatAreNotFiniteAreRefused(rule: StepRule) throws {
        let make = { (subject: ResumeSubject) in
            KFACOptimizer(subject.parameters, configuration: .init(rule: rule)) as any Optimizer
        }
        let good = try state(of: make, replacing: [:])
        let parts = ["velocity.", "moments.", "inverses.", "layers."]
        let names = good.tensors.keys.filter { name in
            good.tensors[name]!.dtype.isFloatingPoint && parts.contains { name.hasPrefix($0) }
        }
        #expect(names.count > 20)
        for name in names {
            let damaged = good.tensors[name]!.copy()
            damaged.flattened()[0..<1].fill(.nan)
            let text = try refusal(make, [name: damaged])
            #expect(
                text.contains("'\(name.split(separator: "@")[0])' has elements that are NaN or infinite"), "\(text)")
        }
    }

    /// They would be waited for, and no others computed meanwhile.
    @Test(arguments: [1 << 40, 0]) func inversesThatAreNeverUsedAreRefused(useAt: Int) throws {
        let tensors = ["inverses.pending.step": Tensor([3]), "inverses.pending.useAt": Tensor([useAt])]
        let text = try refusal({ kfac($0, .background(every: 4, after: 3, initially: 2)) }, tensors)
        #expect(text.contains("the inverses of step 3 are to be used at step \(useAt)"))
    }

    /// As many rows in all as the layer has, but not its sides.
    @Test func inversesOfOtherSidesAreRefused() throws {
        let subject = ResumeNetwork.perceptron.make()
        let optimizer = kfac(subject)
        for step in 0..<4 { try optimizer.step { subject.loss(step) } }
        let stored = optimizer.state().tensors
        let start = "inverses.stored.layers.0.matrix.kronecker."
        let sides = stored.keys.filter { $0.hasPrefix(start) }
        try #require(!sides.isEmpty)
        var swapped = stored
        for key in sides { swapped[key] = nil }
        for key in sides {
            let rest = key.dropFirst(start.count)
            let other = rest.hasPrefix("left") ? "right\(rest.dropFirst(4))" : "left\(rest.dropFirst(5))"
            swapped[start + other] = stored[key]
        }
        let again = ResumeNetwork.perceptron.make()
        let other = kfac(again)
        let error = #expect(throws: SnapshotError.self) { try other.load(Snapshot(tensors: swapped)) }
        #expect("\(error!)".contains("is a product of matrices of 13 and 96 rows"))
    }

    /// Whatever is of another shape, the error names it in full, with its layer.
    @Test func whatDoesNotFitIsNamedWithItsLayer() throws {
        let good = try state(of: { kfac($0) }, replacing: [:])
        let names = good.tensors.keys.filter { $0.contains(/layers\.\d/) && good.tensors[$0]!.rank > 0 }
        for part in ["inverses.", "layers.blocks.", "velocity."] { #expect(names.contains { $0.hasPrefix(part) }) }
        for name in names {
            let damaged = Tensor.zeros([2, 3, 5], dtype: good.tensors[name]!.dtype)
            let other = kfac(ResumeNetwork.perceptron.make())
            let error = #expect(throws: SnapshotError.self) {
                try other.load(Snapshot(tensors: good.tensors.merging([name: damaged]) { $1 }))
            }
            let text = try #require(error).description
            let start = try #require(name.firstMatch(of: /^.*layers\.\d/)).output
            #expect(text.contains("'\(start)"), "\(name): \(text)")
        }
    }

    /// The time of a step does not depend on how many were missed.
    @Test(arguments: [
        InverseSchedule.together(every: 10), .roundRobin(every: 3), .whenStale(beyond: 9, atMost: 5),
    ])
    func manyMissedStepsAreNoLoop(inverses: InverseSchedule) throws {
        let damaged = try state(of: { kfac($0, inverses) }, replacing: ["stepCount": Tensor([1 << 52])])
        let subject = ResumeNetwork.perceptron.make()
        let optimizer = kfac(subject, inverses)
        try optimizer.load(damaged)
        let report = try optimizer.step { subject.loss(4) }
        #expect(report.step == 1 << 52)
        #expect(report.inverses.map(\.age) == [0, 0, 0])
    }
}
