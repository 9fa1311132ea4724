import Foundation
import TestSupport
import Testing
import Torch

/// Weights and losses that are no numbers, or no use.
@Suite struct WeightTests {
    let folder = TemporaryFolder()

    private static let arguments = [
        "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--steps", "4", "--test-limit",
        "20",
        "--threads", "1", "--optimizer", "sgd",
    ]

    @Test(arguments: [Double.nan, .infinity]) func initialWeightsMustBeFinite(value: Double) throws {
        #expect(try Tool.run(Self.arguments + ["--output", "run"], in: folder).status == 0)
        let file = URL(fileURLWithPath: folder("run/weights.safetensors"))
        var weights = try Safetensors(contentsOf: file)
        let name = try #require(weights.tensors.keys.sorted().first)
        var elements = weights.tensors[name]!.array(of: Double.self)
        elements[0] = value
        weights.tensors[name] = Tensor(elements, shape: weights.tensors[name]!.shape)
        try weights.write(to: URL(fileURLWithPath: folder("w.safetensors")))
        let result = try Tool.run(
            Self.arguments + ["--initial-weights", "w.safetensors", "--output", "next"], in: folder)
        #expect(result.status == 1)
        #expect(
            result.errors
                == "Error: w.safetensors: the state does not fit the model LaplacePerceptron: NaN or infinite elements "
                + "are in '\(name)'; use finite weights\n")
        #expect(!folder.names.contains("next"))
    }

    /// Every step is rejected, and there are fewer of them than are put up with.
    @Test func aRunInWhichNoStepIsTakenHasFailed() throws {
        let result = try Tool.run(
            Self.arguments + ["--learning-rate", "1e308", "--output", "run"], in: folder)
        #expect(result.status == 1)
        #expect(
            result.errors.hasPrefix("Error: 4 steps in a row were rejected, the last one, step 3, as "),
            "\(result.errors)")
        #expect(try Metric.read(folder("run/metrics.jsonl")).last?.outcome?.status == "failed")
        #expect(!FileManager.default.fileExists(atPath: folder("run/weights.safetensors")))
    }

    @Test func aLossThatGrowsBeyondMeasureIsSaid() throws {
        let result = try Tool.run(
            Self.arguments + ["--learning-rate", "1e10", "--learning-rate-schedule", "constant", "--output", "run"],
            in: folder)
        #expect(result.lines.count { $0.contains("times the first one") } == 1, "\(result.output)\(result.errors)")
    }
}
