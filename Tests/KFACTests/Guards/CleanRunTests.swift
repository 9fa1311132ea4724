import TestSupport
import Testing
import Torch
import TorchNN

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Where nothing is wrong, guards do nothing: no events, and the same bits as without them.
@Suite struct CleanRunTests {
    @Test(arguments: GuardCase.allCases, [DType.float32, .float64]) func sameBits(kind: GuardCase, dtype: DType) throws
    {
        let schedules: [InverseSchedule] = [
            .together(every: 3), .roundRobin(every: 2), .background(every: 3, after: 2),
            .whenStale(beyond: 0.2, atMost: 4),
        ]
        for (index, schedule) in schedules.enumerated() {
            // Closed forms of inverses cannot be probed without guards.
            if index == 3, kind == .timeSeries || kind == .longSeries { continue }
            func run(_ guards: Guards) throws -> [[UInt64]] {
                let network = kind.network(dtype)
                let optimizer = network.optimizer(inverses: schedule, guards: guards)
                for step in 0..<8 {
                    let report = try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) }
                    #expect(report.guards.isEmpty, "\(report.guards)")
                }
                return network.bits
            }
            #expect(try run(Guards()) == run(.off))
        }
    }

    @Test(arguments: Method.all()) func firstOrderMethods(method: Method) throws {
        func run(_ guards: Guards) throws -> [[UInt64]] {
            let network = GuardCase.convolution.network(.float32)
            let optimizer = FirstOrderOptimizer(network.parameters, rule: method.rule)
            optimizer.guards = guards
            for step in 0..<8 {
                #expect(try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) }.guards.isEmpty)
            }
            return network.bits
        }
        #expect(try run(Guards()) == run(.off))
    }

    /// A convolutional network with normalisation that learns, and is not so sure yet that no curvature is left.
    @Test(arguments: [0.01, 0.001]) func training(damping: Double) throws {
        func run(_ guards: Guards) throws -> [UInt32] {
            var generator = RandomGenerator(seed: 1)
            let model = ResNet(depth: 8, channels: 2, classes: 3, shortcut: .projection, using: &generator)
            let optimizer = KFACOptimizer(
                model.namedParameters,
                configuration: .init(
                    rule: .fixed(learningRate: 0.1), damping: .constant(damping), inverses: .together(every: 5),
                    guards: guards))
            let x = randomTensor([24, 2, 8, 8], seed: 2, dtype: .float32)
            let labels = Tensor((0..<24).map { $0 % 3 })
            var losses: [Double] = []
            for _ in 0..<25 {
                let report = try optimizer.step { Loss(Categorical(logits: model(x)), targets: labels) }
                #expect(report.guards.isEmpty, "\(report.guards)")
                losses.append(report.loss)
            }
            #expect(losses[24] < 0.3 * losses[0])
            return model.parameters.flatMap { $0.array(of: Float.self).map(\.bitPattern) }
        }
        #expect(try run(Guards()) == run(.off))
    }
}
