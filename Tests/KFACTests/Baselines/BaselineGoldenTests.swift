import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The first-order methods step by step against PyTorch's and other independent programs (`Golden/baselines.py`):
/// matrices, a vector and a kernel of four axes, with a falling learning rate.
@Suite struct BaselineGoldenTests {
    static let group = "baselines"
    static let names = ["weight", "bias", "kernel", "wide"]
    static let rate = Schedule.linear(from: 0.1, to: 0, steps: 20)

    @Test func thereAreAllCases() {
        #expect(GoldenGroup.caseNames(Self.group) { $0 != "inputs" }.count == 21)
    }

    @Test(arguments: GoldenGroup.caseNames(group) { $0 != "inputs" }, [DType.float64, .float32])
    func parametersAtEachStep(name: String, dtype: DType) throws {
        let golden = try GoldenGroup(Self.group)
        let inputs = try golden.case("inputs")
        let expected = try golden.case(name)
        let parameters = try Self.names.map {
            NamedParameter($0, try inputs["start_\($0)"].to(dtype).copy().requiringGradient())
        }
        let optimizer = FirstOrderOptimizer(parameters, rule: try rule(expected))
        let tolerance = dtype == .float64 ? 1e-9 : 1e-3
        for step in 0..<Int(try inputs.number("steps")) {
            let gradients = try Self.names.map { try inputs["step\(step)_gradient_\($0)"].to(dtype) }
            let report = try optimizer.step { linearLoss(parameters, gradients: gradients) }
            #expect(report.learningRate == Self.rate(step))
            for parameter in parameters {
                expectClose(
                    parameter.tensor.to(.float64), try expected["step\(step)_\(parameter.name)"], relative: tolerance,
                    absolute: tolerance, "\(parameter.name) after step \(step)")
            }
        }
    }

    private func rule(_ golden: GoldenCase) throws -> FirstOrderRule {
        let settings = golden.settings
        func number(_ name: String) -> Double? { (settings[name] as? NSNumber)?.doubleValue }
        func text(_ name: String) -> String? { settings[name] as? String }
        let decay = number("weight_decay") ?? 0
        let kernels = try KernelView(rawValue: text("view") ?? "matrix") ?? #require(nil)
        let maximum = Int(number("maximum") ?? 100)
        switch try #require(text("method")) {
        case "sgd":
            return .sgd(
                .init(
                    learningRate: Self.rate, momentum: try golden.number("momentum"),
                    nesterov: try golden.number("nesterov") == 1, weightDecay: decay))
        case "adam":
            return .adam(
                .init(
                    learningRate: Self.rate, beta1: try golden.number("beta1"), beta2: try golden.number("beta2"),
                    epsilon: try golden.number("epsilon"), weightDecay: decay))
        case "muon":
            return .muon(
                .init(
                    learningRate: Self.rate, momentum: try golden.number("momentum"),
                    nesterov: try golden.number("nesterov") == 1,
                    scale: try #require(text("scale").flatMap(Muon.Scale.init)), weightDecay: decay,
                    adam: .init(
                        learningRate: .linear(from: 0.01, to: 0, steps: 20), beta1: 0.8, beta2: 0.95, epsilon: 1e-6,
                        weightDecay: 0.05),
                    adamNames: try #require(settings["adam_names"] as? [String])))
        case "shampoo":
            let ridge = settings["ridge"] as? [Any]
            let share = (ridge?[1] as? NSNumber)?.doubleValue ?? 1e-4
            let grafting = settings["grafting"] as? [Any]
            let numbers = grafting?.dropFirst().compactMap { ($0 as? NSNumber)?.doubleValue } ?? []
            return .shampoo(
                .init(
                    learningRate: Self.rate, momentum: number("momentum") ?? 0, nesterov: number("nesterov") == 1,
                    accumulation: number("decay").map { .average(decay: $0) } ?? .sum,
                    ridge: ridge?[0] as? String == "relative" ? .relative(share) : .absolute(share),
                    exponent: number("exponent"), period: Int(number("period") ?? 1), start: Int(number("start") ?? 0),
                    grafting: grafting == nil
                        ? .none : numbers.isEmpty ? .sgd : .adam(beta2: numbers[0], epsilon: numbers[1]),
                    weightDecay: decay, kernels: kernels, maximumExtent: maximum))
        case "soap":
            return .soap(
                .init(
                    learningRate: Self.rate, beta1: number("beta1") ?? 0.9, beta2: number("beta2") ?? 0.95,
                    momentDecay: number("moment_decay"), epsilon: number("epsilon") ?? 1e-8, weightDecay: decay,
                    nesterov: number("nesterov") == 1, period: Int(number("period") ?? 3), kernels: kernels,
                    maximumExtent: maximum))
        default: return try #require(nil)
        }
    }
}
