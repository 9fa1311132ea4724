import Foundation
import KFAC
import Torch
import TorchNN

/// The time of a K-FAC step against that of an SGD step: the same network and images, steps taken in turns in one
/// process, so that what else the machine does falls on both.
@main
enum StepRatio {
    static func main() throws {
        let rounds = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 60
        var generator = RandomGenerator(seed: 1)
        let images = generator.normal([256, 1, 28, 28])
        let labels = generator.integers([256], in: 0..<10)
        func optimizer(_ make: ([NamedParameter]) -> any Optimizer) -> () throws -> StepReport {
            var weights = RandomGenerator(seed: 2)
            let model = ConvNet(using: &weights)
            let optimizer = make(model.namedParameters)
            return { try optimizer.step { Loss(Categorical(logits: model(images)), targets: labels) } }
        }
        let sgd = optimizer { SGD($0, configuration: .init(learningRate: 0.01)) }
        let kfac = optimizer { KFACOptimizer($0, configuration: .init(learningRate: 0.01)) }

        var times: [(sgd: Double, kfac: Double)] = []
        var phases: [StepReport.Phase: Double] = [:]
        for round in 0..<(rounds + 10) {
            let (sgdSeconds, _) = try time(sgd)
            let (kfacSeconds, report) = try time(kfac)
            // The first steps refresh the inverses each time and fill the allocator's caches.
            guard round >= 10 else { continue }
            times.append((sgdSeconds, kfacSeconds))
            for (phase, seconds) in report.phases { phases[phase, default: 0] += seconds }
        }

        let sgdMedian = median(times.map(\.sgd))
        let kfacMedian = median(times.map(\.kfac))
        let kfacMean = times.map(\.kfac).reduce(0, +) / Double(times.count)
        let sgdMean = times.map(\.sgd).reduce(0, +) / Double(times.count)
        print("convolutional network, batch 256, \(Runtime.threadCount) threads, \(times.count) steps each in turns")
        print(format("SGD step:   median %.1f ms, mean %.1f ms", sgdMedian, sgdMean))
        print(
            format(
                "K-FAC step: median %.1f ms, mean %.1f ms (statistics every step, inverses every 10)", kfacMedian,
                kfacMean))
        print(
            String(
                format: "ratio:      median of pairs %.2f, of means %.2f", median(times.map { $0.kfac / $0.sgd }),
                kfacMean / sgdMean))
        for phase in StepReport.Phase.allCases {
            guard let seconds = phases[phase] else { continue }
            let mean = seconds / Double(times.count)
            let name = phase.rawValue.padding(toLength: 18, withPad: " ", startingAt: 0)
            print("  \(name)" + String(format: "%6.1f ms  %4.1f %%", mean * 1000, 100 * mean / kfacMean))
        }
    }

    private static func time(_ step: () throws -> StepReport) rethrows -> (Double, StepReport) {
        let clock = ContinuousClock()
        let start = clock.now
        let report = try step()
        return (start.duration(to: clock.now) / .seconds(1), report)
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    private static func format(_ text: String, _ seconds: Double...) -> String {
        String(format: text, arguments: seconds.map { $0 * 1000 })
    }
}
