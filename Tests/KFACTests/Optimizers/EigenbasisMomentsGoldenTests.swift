import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Moments in the eigenbasis step by step against an independent program of the formulas
/// (`Golden/eigenbasis_moments.py`): linear layers, convolutions of all kinds, an embedding, scales, and a parameter of
/// no known layer, over steps with many new bases.
@Suite struct EigenbasisMomentsGoldenTests {
    static let group = "eigenbasis_moments"
    static let rate = Schedule.linear(from: 0.03, to: 0, steps: 30)

    @Test func thereAreAllCases() {
        #expect(GoldenGroup.caseNames(Self.group) { $0 != "shared" }.count == 6)
    }

    @Test(arguments: GoldenGroup.caseNames(group) { $0 != "shared" }) func parametersAtEachStep(name: String) throws {
        let golden = try GoldenGroup(Self.group)
        let expected = try golden.case(name)
        let names = try #require(expected.settings["names"] as? [String])
        let parameters = try names.map {
            NamedParameter($0, try expected["start_\($0)"].copy().requiringGradient())
        }
        let network = GoldenNetwork(
            kind: try #require(expected.settings["network"] as? String), parameters: parameters,
            map: try golden.case("shared")["map"])
        let optimizer = KFACOptimizer(parameters, configuration: try configuration(expected))
        var renewals = 0
        for step in 0..<Int(try expected.number("steps")) {
            let (inputs, labels) = (try expected["step\(step)_inputs"], try expected["step\(step)_labels"])
            let report = try optimizer.step {
                let outputs = network.logits(inputs)
                return labels.dtype.isFloatingPoint
                    ? Loss(Normal(mean: outputs), targets: labels) : Loss(Categorical(logits: outputs), targets: labels)
            }
            #expect(report.learningRate == Self.rate(step))
            #expect(report.damping == nil && report.preconditionerDamping == nil && report.clipping == nil)
            #expect(report.guards.isEmpty)
            renewals += report.refreshedInverses > 0 ? 1 : 0
            for parameter in parameters {
                expectClose(
                    parameter.tensor, try expected["step\(step)_\(parameter.name)"], relative: 1e-8, absolute: 1e-8,
                    "\(parameter.name) after step \(step)")
            }
        }
        #expect(renewals >= 5)
    }

    private func configuration(_ golden: GoldenCase) throws -> KFACOptimizer.Configuration {
        let settings = golden.settings
        func number(_ name: String) -> Double? { (settings[name] as? NSNumber)?.doubleValue }
        var rule = EigenbasisMoments(learningRate: Self.rate)
        if let beta1 = number("beta1") { rule.beta1 = beta1 }
        if let beta2 = number("beta2") { rule.beta2 = beta2 }
        if let epsilon = number("epsilon") { rule.epsilon = epsilon }
        rule.nesterov = number("nesterov") != 0
        rule.cautious = number("cautious") == 1
        var inverses = InverseSchedule.growing(every: 8)
        if let schedule = settings["schedule"] as? [Any] {
            let numbers = schedule.dropFirst().compactMap { ($0 as? NSNumber)?.intValue }
            #expect(schedule[0] as? String == "together")
            inverses = .together(every: numbers[0], initially: numbers[1])
        }
        return .init(
            rule: .eigenbasisMoments(rule), estimation: .empirical, statisticsDecay: 0.9,
            statisticsPeriod: Int(number("statistics_period") ?? 1), inverses: inverses,
            regularization: Regularization(weightDecay: number("weight_decay") ?? 0))
    }
}

/// The networks of the golden program.
private struct GoldenNetwork {
    let kind: String
    let parameters: [NamedParameter]
    let map: Tensor

    private subscript(name: String) -> Tensor { parameters.first { $0.name == name }!.tensor }

    func logits(_ x: Tensor) -> Tensor {
        switch kind {
        case "dense":
            let hidden = linear(x, weight: self["first.weight"], bias: self["first.bias"]).tanh()
            return linear(hidden, weight: self["second.weight"], bias: self["second.bias"])
        case "images":
            var hidden = convolution(x, weight: self["first.weight"], bias: self["first.bias"]).tanh()
            hidden = convolution(hidden, weight: self["grouped.weight"], bias: self["grouped.bias"], groups: 2).tanh()
            let geometry = ConvolutionGeometry(kernel: [2, 2], isTransposed: true)
            hidden = convolution(hidden, weight: self["transposed.weight"], geometry: geometry).tanh()
            return (hidden * map).sum(2, 3)
        default:
            let hidden = embedding(x, weight: self["embedding.weight"])
            let scaled = scaleAndShift(hidden, scale: self["norm.weight"], shift: self["norm.bias"], axes: [2])
            return linear((scaled.tanh() * self["gain"]).mean(1), weight: self["output.weight"])
        }
    }
}
