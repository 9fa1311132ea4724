import KFAC
import Testing

@testable import Training

@Suite struct ProgressTests {
    /// Collects what a terminal would show.
    private final class Screen {
        var text = ""
        var width: Int?
        var usesColor = false

        init(width: Int? = nil) { self.width = width }

        var terminal: Terminal {
            Terminal(write: { self.text += $0 }, width: { self.width }, usesColor: usesColor)
        }
    }

    private let start = TrainingEvent.RunStart(
        problem: "Images", optimizer: "kfac", parameterCount: 1234, trainingExamples: 80, testExamples: 10,
        errorName: nil, epochs: 2, steps: 40, stepsPerEpoch: 20, batchSize: 4, lastBatchSize: nil, evaluations: 2,
        device: "cpu", threads: 1, libtorch: "2.0")

    private func step(_ number: Int, loss: Double = 1.5) -> TrainingEvent.StepResult {
        TrainingEvent.StepResult(
            epoch: number / 20 + 1, step: number, examples: 4, loss: loss, learningRate: 0.1, momentum: 0.9,
            refreshedInverses: 0, seconds: 0.5)
    }

    /// All events of a run of two epochs, the second of them interrupted.
    private func show(on screen: Screen, isQuiet: Bool = false) {
        let report = ProgressReport(to: screen.terminal, isQuiet: isQuiet, footer: ["metrics: here"])
        report.receive(.runStart(start))
        report.receive(.epochStart(TrainingEvent.EpochStart(epoch: 1, steps: 20)))
        for number in 0..<20 { report.receive(.step(step(number))) }
        let evaluation = TrainingEvent.Evaluation(
            epoch: 1, steps: 20, score: Score(examples: 10, loss: 0.25, accuracy: 0.875), seconds: 2)
        report.receive(.evaluation(evaluation))
        report.receive(.epochEnd(TrainingEvent.EpochResult(epoch: 1, steps: 20, loss: 1.5, seconds: 10)))
        report.receive(.epochStart(TrainingEvent.EpochStart(epoch: 2, steps: 20)))
        for number in 20..<25 { report.receive(.step(step(number, loss: 0.5))) }
        var summary = RunSummary(
            outcome: .interrupted(signal: 2), epochs: 1, steps: 25, examples: 100, lastLoss: 0.5,
            lastEvaluation: evaluation, setUpSeconds: 0.5, trainingSeconds: 12.5, evaluationSeconds: 2)
        summary.add(2.5, to: "data")
        summary.add(7.5, to: "curvatureBackward")
        report.receive(.runEnd(summary))
    }

    private let summary = """
        interrupted: 1 epoch, 25 steps in 12.5 s, 500.0 ms a step, 8 examples/s
        test accuracy 87.50 %, loss 0.2500 on 10 examples, after 20 steps
        time: set-up 0.5 s, training 12.5 s, tests 2.0 s
        where the time goes: data 20.0 %, curvature backward 60.0 %, other 20.0 %
        metrics: here

        """

    @Test func whatTheOptimiserSaysIsTold() {
        let screen = Screen()
        let report = ProgressReport(to: screen.terminal)
        report.receive(.runStart(start))
        report.receive(.epochStart(TrainingEvent.EpochStart(epoch: 1, steps: 20)))
        var first = step(0)
        first.messages = ["no approximation is known for how gain is used"]
        report.receive(.step(first))
        #expect(screen.text.hasSuffix("\nno approximation is known for how gain is used\n"))
    }

    /// The first of each kind of each layer; the summary counts them.
    @Test func guardsAreToldOnce() {
        let screen = Screen()
        let report = ProgressReport(to: screen.terminal)
        report.receive(.runStart(start))
        report.receive(.epochStart(TrainingEvent.EpochStart(epoch: 1, steps: 20)))
        let before = screen.text
        var first = step(0, loss: .nan)
        first.guards = [
            .stepRejected(reason: .lossNotFinite), .deadLayer(layer: "a"), .deadLayer(layer: "b"),
        ]
        var second = step(1)
        second.guards = [.stepRejected(reason: .objectiveNotFinite), .deadLayer(layer: "b")]
        report.receive(.step(first))
        report.receive(.step(second))
        #expect(
            screen.text.dropFirst(before.count) == """
                step 0: the step is rejected, as the loss is not finite
                step 0: a has no curvature: its inputs or output gradients are zero
                step 0: b has no curvature: its inputs or output gradients are zero
                epoch 1/2, step 2/20: loss 1.5000, 2.0 steps/s, 0:19 left

                """)
        var summary = RunSummary(outcome: .completed)
        for step in [first, second] { summary.count(step.guards ?? []) }
        report.receive(.runEnd(summary))
        #expect(screen.text.contains("\nguards: 2 steps rejected, 3 layers without curvature\n"))
    }

    @Test func plainLinesComeEachTenthOfAnEpoch() {
        let screen = Screen()
        show(on: screen)
        #expect(
            screen.text == """
                Images: 80 training examples, 10 test examples
                kfac: 1234 parameters, 2 epochs of 20 steps, 4 examples a step
                cpu, 1 thread, libtorch 2.0
                epoch 1/2, step 2/20: loss 1.5000, 2.0 steps/s, 0:19 left
                epoch 1/2, step 4/20: loss 1.5000, 2.0 steps/s, 0:18 left
                epoch 1/2, step 6/20: loss 1.5000, 2.0 steps/s, 0:17 left
                epoch 1/2, step 8/20: loss 1.5000, 2.0 steps/s, 0:16 left
                epoch 1/2, step 10/20: loss 1.5000, 2.0 steps/s, 0:15 left
                epoch 1/2, step 12/20: loss 1.5000, 2.0 steps/s, 0:14 left
                epoch 1/2, step 14/20: loss 1.5000, 2.0 steps/s, 0:13 left
                epoch 1/2, step 16/20: loss 1.5000, 2.0 steps/s, 0:12 left
                epoch 1/2, step 18/20: loss 1.5000, 2.0 steps/s, 0:11 left
                epoch 1/2, step 20/20: loss 1.5000, 2.0 steps/s, 0:10 left
                epoch 1/2: training loss 1.5000, test accuracy 87.50 %, loss 0.2500, 10.0 s
                epoch 2/2, step 2/20: loss 1.2892, 2.0 steps/s, 0:11 left
                epoch 2/2, step 4/20: loss 1.1263, 2.0 steps/s, 0:10 left

                """ + summary)
    }

    /// A run of 4 steps in epochs of 3, tested every 2 steps, on a problem with an error.
    @Test func aRunOfStepsIsToldByItsSteps() {
        let screen = Screen()
        let report = ProgressReport(to: screen.terminal)
        var start = start
        (start.epochs, start.steps, start.stepsPerEpoch, start.evaluations) = (nil, 4, nil, 2)
        (start.batchSize, start.lastBatchSize, start.errorName) = (4, 80, "squared error")
        report.receive(.runStart(start))
        report.receive(.epochStart(TrainingEvent.EpochStart(epoch: 1, steps: 3)))
        for number in 0..<4 {
            report.receive(.step(step(number, loss: 0.0025)))
            if number % 2 == 1 {
                report.receive(
                    .evaluation(
                        TrainingEvent.Evaluation(
                            epoch: 1, steps: number + 1, score: Score(examples: 10, loss: 0.25, error: 12e-5),
                            seconds: 2)))
            }
            if number == 2 {
                report.receive(.epochEnd(TrainingEvent.EpochResult(epoch: 1, steps: 3, loss: 1.5, seconds: 10)))
                report.receive(.epochStart(TrainingEvent.EpochStart(epoch: 2, steps: 1)))
            }
        }
        #expect(
            screen.text == """
                Images: 80 training examples, 10 test examples
                kfac: 1234 parameters, 4 steps, 4 to 80 examples a step
                cpu, 1 thread, libtorch 2.0
                step 1/4: loss 2.500e-03, 2.0 steps/s, 0:02 left
                step 2/4: loss 2.500e-03, 2.0 steps/s, 0:01 left
                step 2/4: test squared error 1.200e-04, loss 0.2500, 2.0 s
                step 3/4: loss 2.500e-03, 2.0 steps/s, 0:03 left
                step 4/4: loss 2.500e-03, 2.0 steps/s, 0:02 left
                step 4/4: test squared error 1.200e-04, loss 0.2500, 2.0 s

                """)
    }

    @Test func quietTellsTheSummaryOnly() {
        let screen = Screen(width: 80)
        show(on: screen, isQuiet: true)
        #expect(screen.text == summary)
    }

    @Test func aBarIsRedrawnInPlaceAndLeavesNothing() {
        let screen = Screen(width: 80)
        show(on: screen)
        // What is left to see once each line has been overwritten by what followed its last carriage return.
        let seen = screen.text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.split(separator: "\r").last.map { $0.replacing("\u{1B}[K", with: "") } ?? ""
        }
        #expect(
            seen.joined(separator: "\n") == """
                Images: 80 training examples, 10 test examples
                kfac: 1234 parameters, 2 epochs of 20 steps, 4 examples a step
                cpu, 1 thread, libtorch 2.0
                epoch 1/2: training loss 1.5000, test accuracy 87.50 %, loss 0.2500, 10.0 s

                """ + summary)
        let bars = screen.text.split(whereSeparator: { $0 == "\n" || $0 == "\r" }).filter { $0.contains("[=") }
        #expect(!bars.isEmpty)
        #expect(bars.allSatisfy { $0.replacing("\u{1B}[K", with: "").count < 80 })
    }

    @Test func coloursOnlyWhereTheyAreWanted() {
        let plain = Screen(width: 80)
        show(on: plain)
        #expect(!plain.text.replacing("\u{1B}[K", with: "").contains("\u{1B}"))
        let coloured = Screen(width: 80)
        coloured.usesColor = true
        show(on: coloured)
        #expect(coloured.text.contains("\u{1B}[33minterrupted\u{1B}[0m"))
    }

    private let line = ProgressLine(
        epoch: (1, 2), step: 120, steps: 235, stepsPerSecond: 5.84, loss: 0.43219, secondsLeft: 83.2)

    @Test(arguments: [
        (100, "epoch 1/2 [====================                    ] 120/235  5.8 steps/s  loss 0.4322  1:24 left"),
        (71, "epoch 1/2 [=======       ] 120/235  5.8 steps/s  loss 0.4322  1:24 left"),
        (65, "epoch 1/2 [====    ] 120/235  5.8 steps/s  loss 0.4322  1:24 left"),
        (64, "epoch 1/2  120/235  5.8 steps/s  loss 0.4322  1:24 left"),
        (45, "epoch 1/2  120/235  loss 0.4322  1:24 left"),
        (35, "epoch 1/2  120/235  loss 0.4322"),
        (20, "epoch 1/2  120/235"),
        (10, "120/235"),
        (3, "120"),
        (0, ""),
        (-1, ""),
    ])
    func barFitsItsWidth(width: Int, expected: String) {
        #expect(line.bar(width: width, Terminal(write: { _ in })) == expected)
    }

    @Test(arguments: [
        (0.0, "0:00"), (6.2, "0:07"), (59.5, "1:00"), (754, "12:34"), (3723, "1:02:03"), (.infinity, "?"), (.nan, "?"),
    ])
    func timesAreReadable(seconds: Double, expected: String) {
        #expect(Text.time(seconds) == expected)
    }

    @Test func aRunThatFailsEarlyHasASummary() {
        let screen = Screen()
        let report = ProgressReport(to: screen.terminal)
        report.receive(.runEnd(RunSummary(outcome: .failed(reason: "why"))))
        #expect(
            screen.text == """
                failed: 0 epochs, 0 steps
                not tested yet
                time: set-up 0.0 s, training 0.0 s, tests 0.0 s

                """)
    }
}
