import Foundation
import KFAC
import TestSupport
import Testing
import Torch
import TorchNN

/// The example in the README compiles, runs and learns, because it is the code of this file.
@Suite struct ReadmeExampleTests {
    /// The example's lines between the marks below, with what it leaves to the reader around them.
    private func example(_ batches: [(Tensor, Tensor)]) throws -> [Double] {
        var losses: [Double] = []
        func print(_ step: Int, _ loss: Double) { losses.append(loss) }

        // README
        var generator = RandomGenerator(seed: 1)
        let model = MultilayerPerceptron([784, 100, 10], using: &generator)
        let optimizer = KFACOptimizer(model.namedParameters, configuration: .init(learningRate: 0.05, damping: 0.1))

        for (images, labels) in batches {
            let report = try optimizer.step { Loss(Categorical(logits: model(images)), targets: labels) }
            print(report.step, report.loss)
        }
        // README

        return losses
    }

    @Test func learns() throws {
        let images = randomTensor([64, 784], in: 0..<1, dtype: .float32)
        let labels = (randomTensor([64], seed: 2, in: 0..<10)).to(.int64)
        let losses = try example(Array(repeating: (images, labels), count: 30))
        #expect(losses.count == 30)
        #expect(losses[29] < losses[0] / 4)
    }

    @Test func isTheOneInTheReadme() throws {
        func lines(_ text: some StringProtocol) -> [String] {
            text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        }
        let file = URL(filePath: #filePath)
        let readme = file.deletingLastPathComponent().appending(path: "../../README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        let block = try #require(
            text.components(separatedBy: "```swift\n").dropFirst().first?.components(separatedBy: "```").first)
        let source = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "// README\n")
        #expect(lines(block).filter { !$0.hasPrefix("import ") } == lines(source[1].dropLast(0)))
    }
}
