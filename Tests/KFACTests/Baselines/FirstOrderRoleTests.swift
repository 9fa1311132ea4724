import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Parameters of first-order methods that are frozen, thawed, or not used by a batch.
@Suite struct FirstOrderRoleTests {
    private static let shapes: [(name: String, shape: [Int])] = [
        ("matrix", [3, 4]), ("vector", [5]), ("kernel", [3, 2, 2]), ("number", []),
    ]

    /// Each method, with decay, and with new preconditioners every few steps.
    private static let methods =
        Method.all(weightDecay: 0.1) + [
            Method(
                testDescription: "Shampoo with a late start",
                rule: .shampoo(.init(nesterov: true, period: 3, start: 2, grafting: .adam()))),
            Method(testDescription: "SOAP with one moment", rule: .soap(.init(period: 2, maximumExtent: 3))),
            Method(testDescription: "KL-Shampoo with one moment", rule: .klShampoo(.init(period: 2, maximumExtent: 3))),
        ]

    private static func expert(_ number: Int) -> [NamedParameter] {
        shapes.enumerated().map { index, entry in
            NamedParameter("experts.\(number).\(entry.name)", parameter(entry.shape, seed: UInt64(10 * number + index)))
        }
    }

    private static func gradients(_ step: Int) -> [Tensor] {
        shapes.enumerated().map { index, entry in randomTensor(entry.shape, seed: UInt64(100 + 10 * step + index)) }
    }

    private static func bits(_ parameters: [NamedParameter]) -> [[UInt64]] {
        parameters.map { $0.tensor.detached().flattened().array(of: Double.self).map(\.bitPattern) }
    }

    private static let uses = [0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 0, 1]

    /// Two experts that are used in turn go as those of optimisers that see nothing but the steps that use them.
    @Test(arguments: methods) func pausesLeaveNoTrace(method: Method) throws {
        let (experts, alone) = ((0..<2).map(Self.expert), (0..<2).map(Self.expert))
        let both = FirstOrderOptimizer(experts[0] + experts[1], rule: method.rule)
        let single = alone.map { FirstOrderOptimizer($0, rule: method.rule) }
        for (step, number) in Self.uses.enumerated() {
            let before = Self.bits(experts[1 - number])
            let gradients = Self.gradients(step)
            let report = try both.step { linearLoss(experts[number], gradients: gradients) }
            let other = try single[number].step { linearLoss(alone[number], gradients: gradients) }
            #expect(Self.bits(experts[1 - number]) == before)
            #expect(report.refreshedInverses == other.refreshedInverses)
            let names = Self.shapes.map { "experts.\(1 - number).\($0.name)" }.joined(separator: ", ")
            let isNews = step == 0 || step == 2
            #expect(
                report.messages
                    == (isNews ? ["the loss does not depend on \(names): they stay unchanged at such steps"] : []))
        }
        #expect(Self.bits(experts[0] + experts[1]) == Self.bits(alone[0] + alone[1]))
    }

    /// A run that continues from a saved state at any step, in a pause or not, ends in the same bits.
    @Test(arguments: methods) func resumingInAPause(method: Method) throws {
        func run(resumingBefore resumption: Int?) throws -> [[UInt64]] {
            let experts = (0..<2).map(Self.expert)
            var optimizer = FirstOrderOptimizer(experts[0] + experts[1], rule: method.rule)
            for (step, number) in Self.uses.enumerated() {
                if step == resumption {
                    let state = try Safetensors(data: Safetensors(tensors: optimizer.state().tensors).encoded()).tensors
                    optimizer = FirstOrderOptimizer(experts[0] + experts[1], rule: method.rule)
                    try optimizer.load(Snapshot(tensors: state))
                }
                try optimizer.step { linearLoss(experts[number], gradients: Self.gradients(step)) }
            }
            return Self.bits(experts[0] + experts[1])
        }
        let whole = try run(resumingBefore: nil)
        for resumption in Self.uses.indices { #expect(try run(resumingBefore: resumption) == whole, "\(resumption)") }
    }

    /// What was loaded takes the place of everything: of parameters that the saved run had not used, too.
    @Test(arguments: methods) func loadingForgets(method: Method) throws {
        let (experts, fresh) = ((0..<2).map(Self.expert), Self.expert(1))
        let optimizer = FirstOrderOptimizer(experts[0] + experts[1], rule: method.rule)
        try optimizer.step { linearLoss(experts[0], gradients: Self.gradients(0)) }
        let state = optimizer.state()
        try optimizer.step { linearLoss(experts[1], gradients: Self.gradients(1)) }
        try optimizer.load(state)
        withoutGradients { for (own, new) in zip(experts[1], fresh) { own.tensor.assign(new.tensor) } }
        let other = FirstOrderOptimizer(fresh, rule: method.rule)
        for step in 2..<5 {
            try optimizer.step { linearLoss(experts[1], gradients: Self.gradients(step)) }
            try other.step { linearLoss(fresh, gradients: Self.gradients(step)) }
        }
        #expect(Self.bits(experts[1]) == Self.bits(fresh))
    }

    /// Frozen and thawed again: as if the steps between had not been, with a message each.
    @Test(arguments: methods) func frozenParametersStay(method: Method) throws {
        let (parameters, alone) = (Self.expert(0), Self.expert(0))
        let optimizer = FirstOrderOptimizer(parameters, rule: method.rule)
        let other = FirstOrderOptimizer([alone[0]], rule: method.rule)
        func step(_ step: Int) throws -> [String] {
            if parameters[0].tensor.requiresGradient {
                try other.step { linearLoss([alone[0]], gradients: [Self.gradients(step)[0]]) }
            }
            return try optimizer.step { linearLoss(parameters, gradients: Self.gradients(step)) }.messages
        }
        for number in 0..<2 { #expect(try step(number).isEmpty) }
        parameters[0].tensor.requiringGradient(false)
        let (frozen, moving) = (Self.bits([parameters[0]]), Self.bits([parameters[1]]))
        #expect(try step(2) == ["experts.0.matrix no longer requires a gradient: it stays unchanged"])
        #expect(try step(3).isEmpty)
        #expect(Self.bits([parameters[0]]) == frozen)
        #expect(Self.bits([parameters[1]]) != moving)
        parameters[0].tensor.requiringGradient()
        #expect(try step(4) == ["experts.0.matrix now requires a gradient and is optimised"])
        for number in 5..<9 { #expect(try step(number).isEmpty) }
        expectClose(parameters[0].tensor, alone[0].tensor, relative: 1e-11)
    }

    /// Parameters that are frozen from the beginning take no memory, and join in when they are thawed.
    @Test(arguments: methods) func parametersAreThawedLater(method: Method) throws {
        let (parameters, alone) = (Self.expert(0), Self.expert(0))
        parameters[0].tensor.requiringGradient(false)
        let optimizer = FirstOrderOptimizer(parameters, rule: method.rule)
        for step in 0..<3 {
            #expect(try optimizer.step { linearLoss(parameters, gradients: Self.gradients(step)) }.messages.isEmpty)
        }
        #expect(Self.bits([parameters[0]]) == Self.bits([alone[0]]))
        #expect(!optimizer.state().tensors.keys.contains { $0.contains("matrix") })
        parameters[0].tensor.requiringGradient()
        let other = FirstOrderOptimizer([alone[0]], rule: method.rule)
        for step in 3..<8 {
            let report = try optimizer.step { linearLoss(parameters, gradients: Self.gradients(step)) }
            #expect(report.messages.count == (step == 3 ? 1 : 0))
            try other.step { linearLoss([alone[0]], gradients: [Self.gradients(step)[0]]) }
        }
        // The loss of more parameters rounds otherwise.
        expectClose(parameters[0].tensor, alone[0].tensor, relative: 1e-11)
        #expect(Self.bits([alone[0]]) != Self.bits([Self.expert(0)[0]]))
    }

    /// Adam's first step has the length of the learning rate, whenever it comes.
    @Test func aLateFirstStepIsNotBiased() throws {
        let (early, late) = (
            NamedParameter("early", parameter([4], seed: 1)), NamedParameter("late", parameter([4], seed: 2))
        )
        let adam = Adam([early, late], configuration: .init(learningRate: 0.1))
        let ones = Tensor.ones([4], dtype: .float64)
        for _ in 0..<100 { try adam.step { linearLoss([early], gradients: [ones]) } }
        let before = late.tensor.detached().copy()
        try adam.step { linearLoss([early, late], gradients: [ones, ones * 5]) }
        expectClose(late.tensor, before - 0.1, relative: 1e-8)
    }

    /// Gradients from elsewhere: none for parameters that are to be left alone; frozen ones stay.
    @Test(arguments: methods) func givenGradients(method: Method) throws {
        let (parameters, others) = (Self.expert(0), Self.expert(0))
        for parameter in [parameters[3], others[3]] { parameter.tensor.requiringGradient(false) }
        let (optimizer, other) = (
            FirstOrderOptimizer(parameters, rule: method.rule), FirstOrderOptimizer(others, rule: method.rule)
        )
        for step in 0..<6 {
            let isThawed = step < 2 || step > 3
            for parameters in [parameters, others] { parameters[2].tensor.requiringGradient(isThawed) }
            var gradients: [Tensor?] = Array(Self.gradients(step).prefix(3))
            let used = step % 2 == 0 ? [0, 1, 2, 3] : [0, 2, 3]
            if step % 2 == 1 { gradients[1] = nil }
            try optimizer.step(gradients: gradients)
            try other.step { linearLoss(used.map { others[$0] }, gradients: used.map { Self.gradients(step)[$0] }) }
        }
        for (a, b) in zip(parameters, others) { expectClose(a.tensor, b.tensor, relative: 1e-11, a.name) }
    }

    @Test(arguments: methods) func nothingToMove(method: Method) throws {
        let (parameters, other) = (Self.expert(0), parameter([3, 4], seed: 9))
        let optimizer = FirstOrderOptimizer(parameters, rule: method.rule)
        func message(_ parameters: [NamedParameter], _ optimizer: FirstOrderOptimizer) -> String? {
            let error = #expect(throws: OptimizerError.self) {
                try optimizer.step { linearLoss(parameters, gradients: Self.gradients(0)) }
            }
            return error?.description
        }
        parameters[3].tensor.requiringGradient(false)
        #expect(
            message([NamedParameter("other", other)], optimizer)
                == "the loss does not depend on experts.0.matrix, experts.0.vector, experts.0.kernel: use them in the model "
                + "or leave them out")
        for parameter in parameters { parameter.tensor.requiringGradient(false) }
        #expect(
            message(parameters, optimizer)
                == "none of experts.0.matrix, experts.0.vector, experts.0.kernel, experts.0.number requires a gradient: there "
                + "is nothing to move; call requiringGradient() on what is to be optimised")
        #expect(
            message(parameters, FirstOrderOptimizer([], rule: method.rule))
                == "the optimizer was given no parameters: there is nothing to move")
        #expect(optimizer.stepCount == 0)
        #expect(Self.bits(parameters) == Self.bits(Self.expert(0)))
        // What was to be told is told by the first step that is done.
        for parameter in parameters.dropLast() { parameter.tensor.requiringGradient() }
        let report = try optimizer.step { linearLoss([parameters[0]], gradients: [Self.gradients(0)[0]]) }
        #expect(
            report.messages
                == ["the loss does not depend on experts.0.vector, experts.0.kernel: they stay unchanged at such steps"]
        )
    }
}
