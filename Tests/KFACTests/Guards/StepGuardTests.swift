import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Steps that are not finite are rejected and leave the state as it was.
@Suite struct StepGuardTests {
    enum Bad: CaseIterable {
        case lossNaN, lossInfinite, inputNaN, inputInfinite, gradientNaN

        func callAsFunction(_ network: GuardNetwork, _ batch: (inputs: Tensor, labels: Tensor)) -> Loss {
            switch self {
            case .lossNaN: Double.greatestFiniteMagnitude * network.loss(batch) { $0 * 1e300 * 1e300 * 0 }
            case .lossInfinite:
                Loss(
                    Normal(mean: network.logits(batch.inputs)),
                    targets: Tensor.full([batch.labels.count, GuardCase.classes], .infinity, dtype: network.dtype))
            case .inputNaN: network.loss(batch) { $0 * .nan }
            case .inputInfinite: network.loss(batch) { $0 * .infinity }
            // √0 · 0: the value is 0 and the slope is not a number.
            case .gradientNaN: Loss(Categorical(logits: rooted(network, batch)), targets: batch.labels)
            }
        }

        private func rooted(_ network: GuardNetwork, _ batch: (inputs: Tensor, labels: Tensor)) -> Tensor {
            let logits = network.logits(batch.inputs)
            return logits + (logits * 0).squareRoot()
        }
    }

    /// With and without a rejected step between two others, all is to the bit the same.
    @Test(arguments: GuardCase.allCases, Bad.allCases) func rejectedStepsLeaveNoTrace(kind: GuardCase, bad: Bad) throws
    {
        func run(rejecting: Bool) throws -> [[UInt64]] {
            let network = kind.network()
            // Nothing is drawn, so that the generator of the targets is the same.
            let optimizer = network.optimizer(inverses: .together(every: 1), estimation: .empirical)
            for step in 0..<4 {
                let batch = network.batch(8, seed: UInt64(step))
                if rejecting, step != 1 {
                    let before = network.bits
                    let report = try optimizer.step { bad(network, batch) }
                    #expect(report.isRejected)
                    #expect(report.guards.map(\.kind) == [.stepRejected], "\(report.guards)")
                    #expect(network.bits == before)
                }
                let report = try optimizer.step { network.loss(batch) }
                #expect(report.guards.isEmpty && !report.isRejected, "\(report.guards)")
            }
            #expect(optimizer.stepCount == (rejecting ? 7 : 4))
            return network.bits
        }
        #expect(try run(rejecting: true) == run(rejecting: false))
    }

    @Test func reasonsAreTold() throws {
        func reason(_ bad: Bad) throws -> GuardEvent? {
            let network = GuardCase.linear.network()
            return try network.optimizer().step { bad(network, network.batch(8, seed: 1)) }.guards.first
        }
        #expect(try reason(.lossNaN) == .stepRejected(reason: .lossNotFinite))
        #expect(try reason(.lossInfinite) == .stepRejected(reason: .lossNotFinite))
        let names = ["layer.weight", "layer.bias", "output.weight", "output.bias"]
        #expect(try reason(.gradientNaN) == .stepRejected(reason: .gradientNotFinite(parameters: names)))
        #expect(
            try reason(.gradientNaN)?.description
                == "the step is rejected, as the gradient of layer.weight, layer.bias, "
                + "output.weight, output.bias is not finite or too large to be squared")
    }

    /// A run whose loss is never finite ends, with the reason.
    @Test(arguments: [0, 3]) func tooManyRejectionsAreAnError(maximum: Int) throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer(guards: Guards(maximumRejections: maximum))
        let batch = network.batch(8, seed: 1)
        try optimizer.step { network.loss(batch) }
        for _ in 0..<maximum { #expect(try optimizer.step { Bad.lossNaN(network, batch) }.isRejected) }
        let before = network.bits
        for _ in 0..<2 {
            let error = #expect(throws: OptimizerError.self) { try optimizer.step { Bad.lossNaN(network, batch) } }
            let count = maximum == 0 ? "step 1 was rejected" : "4 steps in a row were rejected, the last one, step 4"
            #expect(error?.description.hasPrefix(count) == true, "\(error?.description ?? "")")
            #expect(error?.description.contains("the loss is not finite: lower the learning rate") == true)
        }
        #expect(network.bits == before)
        // One good step, and all are put up with again.
        try optimizer.step { network.loss(batch) }
        if maximum > 0 { #expect(try optimizer.step { Bad.lossNaN(network, batch) }.isRejected) }
    }

    /// The first step's rejection does not hinder the finding of layers, of messages and of parameters without a block.
    @Test func firstStepCanBeRejected() throws {
        let network = GuardCase.genericDiagonal.network()
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: .fixed(learningRate: 0.1), statisticsPeriod: 5, inverses: .together(every: 5, initially: 0),
                layers: LayerChoices(unknown: .firstOrder)))
        let batch = network.batch(8, seed: 1)
        #expect(try optimizer.step { Bad.inputNaN(network, batch) }.isRejected)
        let report = try optimizer.step { network.loss(batch) }
        #expect(report.messages.count == 1)
        #expect(report.inverses.map(\.layer) == ["output"])
        #expect(optimizer.parameters.map(\.name).contains("layer.weight") == false)
        #expect(report.guards.isEmpty && report.refreshedInverses == 1)
    }

    /// An inverse that was due at a rejected step is computed at the next one.
    @Test func missedInversesAreMadeUpFor() throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer(inverses: .together(every: 3, initially: 1))
        let batch = network.batch(8, seed: 1)
        var ages: [[Int]] = []
        for step in 0..<8 {
            let report = try optimizer.step {
                step == 3 || step == 4 ? Bad.inputNaN(network, batch) : network.loss(batch)
            }
            ages.append(report.inverses.map(\.age))
        }
        #expect(ages == [[0, 0], [1, 1], [2, 2], [], [], [0, 0], [0, 0], [1, 1]])
    }

    /// The loss is finite, the update is not: the inverses that made it so make way.
    @Test func updatesThatAreNotFinite() throws {
        let network = GuardCase.linear.network(.float32)
        let optimizer = network.optimizer(rule: .fixed(learningRate: 1e30))
        optimizer.configuration.clipping = .none
        let before = network.bits
        let report = try optimizer.step { network.loss(network.batch(8, seed: 1)) }
        #expect(report.isRejected && network.bits == before)
        #expect(
            report.guards.contains { if case .stepRejected(.updateNotFinite) = $0 { true } else { false } },
            "\(report.guards)")
    }

    /// A loss that is not finite after the step: seen only where the damping rule looks.
    @Test func objectivesThatAreNotFinite() throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer(damping: .adaptive(LevenbergMarquardt(initial: 0.1, interval: 1)))
        let batch = network.batch(8, seed: 1)
        var calls = 0
        let before = network.bits
        let report = try optimizer.step {
            calls += 1
            return calls == 1 ? network.loss(batch) : Bad.lossNaN(network, batch)
        }
        #expect(report.guards == [.stepRejected(reason: .objectiveNotFinite)])
        #expect(report.isRejected && network.bits == before && optimizer.damping > 0.1)
    }

    // MARK: First-order methods

    @Test(arguments: Method.all(), Bad.allCases) func firstOrderMethodsRejectThem(method: Method, bad: Bad) throws {
        func run(rejecting: Bool) throws -> [[UInt64]] {
            let network = GuardCase.linear.network()
            let optimizer = FirstOrderOptimizer(network.parameters, rule: method.rule)
            for step in 0..<4 {
                let batch = network.batch(8, seed: UInt64(step))
                if rejecting {
                    let report = try optimizer.step { bad(network, batch) }
                    #expect(report.isRejected && report.guards.map(\.kind) == [.stepRejected])
                }
                #expect(try optimizer.step { network.loss(batch) }.guards.isEmpty)
            }
            return network.bits
        }
        #expect(try run(rejecting: true) == run(rejecting: false))
    }

    /// Settings by which a finite gradient leads out of the range of numbers: all is put back.
    @Test(arguments: Method.all(rate: 1e300), [DType.float32, .float64])
    func firstOrderUpdatesThatAreNotFinite(method: Method, dtype: DType) throws {
        let network = GuardCase.linear.network(dtype)
        let optimizer = FirstOrderOptimizer(network.parameters, rule: method.rule)
        let before = network.bits
        var rejected = 0
        for step in 0..<3 {
            let report = try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) }
            rejected += report.isRejected ? 1 : 0
        }
        // The first step of SOAP moves nothing, but for the rates that cannot be multiplied by at all.
        #expect(rejected >= (method.rule.beginsWithoutMoving ? 2 : 3) && network.bits == before)
    }

    @Test func firstOrderRunsEnd() throws {
        let network = GuardCase.linear.network()
        let optimizer = SGD(network.parameters)
        optimizer.guards.maximumRejections = 2
        let batch = network.batch(8, seed: 1)
        for _ in 0..<2 { try optimizer.step { Bad.lossNaN(network, batch) } }
        #expect(throws: OptimizerError.self) { try optimizer.step { Bad.lossNaN(network, batch) } }
    }
}
