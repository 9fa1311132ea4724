import Foundation
import TestSupport
import Testing
import Torch

/// `kfac train --problem`: each problem on little data.
@Suite struct ProblemTests {
    let folder = TemporaryFolder()

    /// A problem, the options that give it data, what it is called, and the number of its parameters.
    struct Case: CustomTestStringConvertible {
        let problem: String
        var data: [String] = []
        let name: String
        let parameters: Int
        var errorName: String?

        var testDescription: String { problem }
    }

    static let cases = [
        Case(
            problem: "fashion-mnist-cnn", data: ["--data", "."], name: "fashion-mnist-cnn on FOLDER",
            parameters: 104_202),
        Case(
            problem: "fashion-mnist-autoencoder", data: ["--data", "."], name: "fashion-mnist-autoencoder on FOLDER",
            parameters: 2_837_314, errorName: "squared error"),
        Case(
            problem: "fashion-mnist-rows", data: ["--data", "."], name: "fashion-mnist-rows on FOLDER",
            parameters: 21_386),
        Case(problem: "resnet20", data: ["--data", "."], name: "resnet20 on FOLDER", parameters: 269_722),
        Case(problem: "resnet20", name: "resnet20 on synthetic images", parameters: 269_722),
        Case(problem: "poisson", name: "poisson", parameters: 7521, errorName: "relative L2 error"),
    ]

    private func writeData(for problem: String) throws {
        if problem == "resnet20" {
            try folder.writeCIFAR(training: 4, test: 6)
        } else {
            try folder.writeImages(training: 20, test: 6)
        }
    }

    private func metrics(_ name: String = "run") throws -> [Metric] { try Metric.read(folder("\(name)/metrics.jsonl")) }

    private func config(_ name: String = "run") throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder("\(name)/config.json")))
        return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test(arguments: cases)
    func trains(case testCase: Case) throws {
        try writeData(for: testCase.problem)
        let result = try Tool.run(
            ["train", "--problem", testCase.problem] + testCase.data + [
                "--steps", "2", "--batch-size", "8", "--train-limit", "20", "--test-limit", "5", "--output", "run",
            ], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors == "")
        let name = testCase.name.replacing("FOLDER", with: folder.name)
        #expect(result.lines.first == "\(name): 20 training examples, 5 test examples")
        #expect(result.lines[1] == "kfac: \(testCase.parameters) parameters, 2 steps, 8 examples a step")

        let metrics = try metrics()
        #expect(
            metrics.map(\.event)
                == ["run_start", "epoch_start", "step", "step", "evaluation", "checkpoint", "run_end"])
        #expect(metrics[0].problem == name)
        #expect(metrics[0].errorName == testCase.errorName)
        #expect(metrics.filter { $0.event == "step" }.allSatisfy { $0.loss!.isFinite })
        let score = try #require(metrics[4].score)
        #expect(score.examples == 5)
        #expect(score.loss.isFinite)
        #expect((score.error != nil) == (testCase.errorName != nil))
        #expect((score.accuracy != nil) == (testCase.errorName == nil))
        if let error = testCase.errorName {
            #expect(
                result.lines.contains { $0.hasPrefix("test \(error) ") && $0.hasSuffix("on 5 examples, after 2 steps") }
            )
        }

        let config = try config()
        #expect(config["problem"] as? String == testCase.problem)
        let dataset = testCase.data.isEmpty ? "synthetic images" : folder.name
        #expect(config["dataset"] as? String == (testCase.problem == "poisson" ? nil : dataset))
        #expect(config["steps"] as? Int == 2)
        #expect(config["epochs"] == nil)
    }

    @Test func runsAreNamedAfterTheProblem() throws {
        let result = try Tool.run(
            ["train", "--problem", "poisson", "--optimizer", "sgd", "--learning-rate", "1e-4", "--steps", "1"],
            in: folder)
        #expect(result.status == 0, "\(result.errors)")
        let runs = try FileManager.default.contentsOfDirectory(atPath: folder("runs"))
        #expect(runs.count == 1 && runs[0].hasPrefix("poisson-sgd-"))
    }

    @Test func batchesGrowAndTestsComeBetweenSteps() throws {
        let result = try Tool.run(
            [
                "train", "--problem", "poisson", "--steps", "5", "--train-limit", "64", "--batch-size", "4",
                "--batch-growth",
                "5", "--test-period", "2", "--test-limit", "3", "--output", "run",
            ], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines[1] == "kfac: 7521 parameters, 5 steps, 4 to 64 examples a step")
        #expect(result.lines.count { $0.contains(": test relative L2 error ") } == 3)
        let metrics = try metrics()
        #expect(metrics.filter { $0.event == "step" }.map(\.examples) == [4, 8, 16, 32, 64])
        #expect(metrics.filter { $0.event == "evaluation" }.map(\.steps) == [2, 4, 5])
        let config = try config()
        #expect(config["batch_size"] as? Int == 4)
        #expect(config["batch_growth"] as? Int == 5)
        #expect(config["test_period"] as? Int == 2)
        #expect(config["test_limit"] as? Int == 3)
    }

    @Test func augmentationIsASetting() throws {
        try folder.writeCIFAR(training: 2, test: 2)
        func losses(_ name: String, _ options: [String]) throws -> [Double?] {
            let result = try Tool.run(
                [
                    "train", "--problem", "resnet20", "--data", ".", "--optimizer", "sgd", "--epochs", "2",
                    "--batch-size",
                    "5", "--output", name,
                ] + options, in: folder)
            #expect(result.status == 0, "\(result.errors)")
            return try metrics(name).filter { $0.event == "step" }.map(\.loss)
        }
        let plain = try losses("plain", [])
        let augmented = try losses("augmented", ["--augment"])
        #expect(plain != augmented)
        #expect(try losses("again", ["--augment"]) == augmented)
        #expect(try config("plain")["augment"] as? Bool == false)
        #expect(try config("augmented")["augment"] as? Bool == true)
    }

    /// Mixed precision is a setting: other losses, by rounding only, the same again, and weights of float32.
    @Test(arguments: ["sgd", "kfac"]) func precisionIsASetting(optimizer: String) throws {
        try folder.writeCIFAR(training: 2, test: 2)
        func losses(_ name: String, _ options: [String]) throws -> [Double] {
            let result = try Tool.run(
                [
                    "train", "--problem", "resnet20", "--data", ".", "--optimizer", optimizer, "--steps", "2",
                    "--batch-size", "5", "--output", name,
                ] + options, in: folder)
            #expect(result.status == 0, "\(result.errors)")
            return try metrics(name).filter { $0.event == "step" }.compactMap(\.loss)
        }
        let (plain, mixed) = (try losses("plain", []), try losses("mixed", ["--precision", "bfloat16"]))
        #expect(plain != mixed && abs(plain[0] - mixed[0]) < 0.05)
        #expect(try losses("again", ["--precision", "bfloat16"]) == mixed)
        #expect(try config("plain")["precision"] == nil && config("mixed")["precision"] as? String == "bfloat16")
        let weights = try Safetensors(contentsOf: URL(fileURLWithPath: folder("mixed/weights.safetensors"))).tensors
        #expect(weights.values.allSatisfy { $0.dtype != .bfloat16 })
    }

    /// Options, and what is said of them.
    static let faults: [(arguments: [String], message: String)] = [
        (
            ["--problem", "mnist"],
            "The value 'mnist' is invalid for '--problem <problem>'. Please provide one of 'fashion-mnist-cnn', "
                + "'fashion-mnist-autoencoder', 'fashion-mnist-rows', 'resnet20' or 'poisson'."
        ),
        (
            ["--problem", "poisson", "--data", "."],
            "--data is for images only; the problem poisson draws its points itself."
        ),
        (
            ["--problem", "poisson", "--precision", "bfloat16"],
            "--precision is for --problem fashion-mnist-cnn or fashion-mnist-autoencoder or fashion-mnist-rows or resnet20 "
                + "only; the problem is poisson."
        ),
        (["--augment"], "--augment is for --problem resnet20 only; the problem is fashion-mnist-cnn."),
        (["--epochs", "2", "--steps", "3"], "--epochs and --steps both say how long to train: give one of them."),
        (
            ["--steps", "0"],
            "The value '0' is invalid for '--steps <count>': it must be a whole number from 1 to 1000000000."
        ),
        (
            ["--batch-growth", "0"],
            "The value '0' is invalid for '--batch-growth <steps>': it must be a whole number from 1 to 1000000."
        ),
        (
            ["--test-period", "0"],
            "The value '0' is invalid for '--test-period <steps>': it must be a whole number from 1 to 1000000000."
        ),
        (
            ["--test-limit", "0"],
            "The value '0' is invalid for '--test-limit <count>': it must be a whole number from 1 to 1000000000."
        ),
    ]

    @Test(arguments: faults.indices)
    func badOptionsAreTold(index: Int) {
        let (arguments, message) = Self.faults[index]
        Tool.expectBadUsage(["train"] + arguments, message)
    }

    /// Runs on the folder's data and expects one sentence, and nothing left behind.
    private func expectError(
        _ problem: String, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = folder.names
        let result = try Tool.run(["train", "--problem", problem, "--data", folder.path], in: folder)
        #expect(result.status == 1, sourceLocation: sourceLocation)
        #expect(result.output == "", sourceLocation: sourceLocation)
        #expect(result.errors == "Error: \(message)\n", sourceLocation: sourceLocation)
        #expect(folder.names == before, sourceLocation: sourceLocation)
    }

    @Test func otherImagesThanAProblems() throws {
        try folder.writeCIFAR(training: 2, test: 2)
        try expectError(
            "fashion-mnist-cnn",
            "\(folder("train-images-idx3-ubyte")) is missing, and so is \(folder("train-images-idx3-ubyte")).gz: the "
                + "folder must hold train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
                + "t10k-labels-idx1-ubyte, each plain or compressed by gzip")
    }

    /// Grey images, of another size.
    @Test func theResidualNetworkTakesImagesInTheFormOfMNIST() throws {
        try folder.writeImages(training: 8, test: 4)
        let result = try Tool.run(
            ["train", "--problem", "resnet20", "--data", ".", "--steps", "1", "--batch-size", "4"], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines.first == "resnet20 on \(folder.name): 8 training examples, 4 test examples")
        #expect(result.lines[1] == "kfac: 269434 parameters, 1 step, 4 examples a step")
    }

    @Test func aDamagedFileOfCIFAR() throws {
        try folder.writeCIFAR(training: 2, test: 2)
        try folder.write(cifarBytes(labels: [1, 2]).dropLast(), to: "data_batch_2.bin")
        try expectError(
            "resnet20",
            "\(folder("data_batch_2.bin")) has 6145 bytes, which is no multiple of the 3073 of a record of CIFAR-10: get "
                + "the binary version of the data set, or the file anew if it is cut off")
    }
}
