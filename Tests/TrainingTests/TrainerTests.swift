import Datasets
import FirstOrder
import Foundation
import KFAC
import TestSupport
import Testing
import Torch
import Training

@Suite struct TrainerTests {
    let problem = LineProblem()
    let recorder = Recorder()

    private func trainer(
        epochs: Int = 2, steps: Int? = nil, batchSize: BatchSize = 4, period: Int? = nil, limit: Int? = nil,
        cancellation: Cancellation = Cancellation(), sinks: [any EventSink]? = nil
    ) -> Trainer {
        let sampler = BatchSampler(
            count: problem.trainingCount, batchSize: batchSize, generator: RandomGenerator(seed: 5))
        return Trainer(
            length: steps.map { .steps($0) } ?? .epochs(epochs), sampler: sampler, optimizerName: "sgd",
            setUpSeconds: 1.5, sinks: sinks ?? [recorder],
            cancellation: cancellation, evaluationPeriod: period, evaluationLimit: limit)
    }

    private var optimizer: SGD {
        SGD(problem.parameters, configuration: SGD.Configuration(learningRate: 0.1, momentum: 0.5))
    }

    @Test func eventsComeInOrder() throws {
        try trainer().run(problem, with: optimizer)
        #expect(
            recorder.names == [
                "run start", "epoch 1", "step 0", "step 1", "step 2", "evaluation 1", "epoch end 1", "epoch 2",
                "step 3", "step 4", "step 5", "evaluation 2", "epoch end 2", "run end",
            ])
        guard case .runStart(let start) = recorder.events.first else { return }
        #expect(start.problem == "Line")
        #expect(start.parameterCount == 1)
        #expect(start.trainingExamples == 10)
        #expect(start.testExamples == 5)
        #expect(start.stepsPerEpoch == 3)
        #expect(start.batchSize == 4)
        #expect(start.device == "cpu")
    }

    @Test func summaryAddsUp() throws {
        let summary = try trainer().run(problem, with: optimizer)
        #expect(summary == recorder.summary)
        #expect(summary.outcome == .completed)
        #expect(summary.epochs == 2)
        #expect(summary.steps == 6)
        #expect(summary.examples == 20)
        #expect(summary.lastLoss == recorder.steps.last?.loss)
        #expect(summary.lastEvaluation?.epoch == 2)
        #expect(summary.lastEvaluation?.score == Score(examples: 5, loss: 2))
        #expect(summary.setUpSeconds == 1.5)
        #expect(summary.phases.map(\.phase) == ["data", "forward", "backward", "update"])
        #expect(abs(summary.trainingSeconds - recorder.steps.reduce(0) { $0 + $1.seconds }) < 1e-9)
        #expect(summary.phases.reduce(0) { $0 + $1.seconds } <= summary.trainingSeconds)
    }

    /// The error names the example in the data set, and the run ends before that step.
    @Test func dataThatCannotBeUsed() throws {
        problem.pointWithoutTarget = 7
        let error = #expect(throws: TrainingDataError.self) { try trainer().run(problem, with: optimizer) }
        let step = problem.dealt.count - 1
        #expect(problem.dealt[step].contains(7))
        #expect(error?.step == step && error?.epoch == 1 && error?.example == 7)
        #expect(
            error?.description.hasPrefix(
                "the batch of step \(step), in epoch 1, cannot be used: Normal: the target nan of example") == true)
        #expect(error?.description.contains("(training example 7)") == true)
        #expect(recorder.steps.count == step)
        #expect(recorder.summary?.outcome == .failed(reason: error?.description ?? ""))
    }

    /// With an average, the tests see it, and the run leaves the last parameters behind.
    @Test func averagesAreTested() throws {
        try trainer(steps: 5, period: 1).run(problem, with: optimizer)
        let averaged = LineProblem()
        var trainer = trainer(steps: 5, period: 1)
        trainer.averaging = .exponential(decay: 0.75)
        let optimizer = SGD(averaged.parameters, configuration: SGD.Configuration(learningRate: 0.1, momentum: 0.5))
        try trainer.run(averaged, with: optimizer)
        var (average, weight) = (0.0, 0.0)
        for (slope, tested) in zip(problem.slopes, averaged.slopes) {
            average = 0.75 * average + 0.25 * slope
            weight = 0.75 * weight + 0.25
            #expect(abs(tested - average / weight) < 1e-12)
        }
        #expect(averaged.slopes.count == 5 && averaged.slopes != problem.slopes)
        #expect(averaged.slope.scalar == problem.slope.scalar)
    }

    /// All that K-FAC knows of a step is in its event; a first-order method has nothing of it.
    @Test func detailsOfSteps() throws {
        let kfac = KFACOptimizer(
            problem.parameters,
            configuration: .init(
                rule: .quadraticModel(), damping: .adaptive(.init(initial: 0.1, interval: 2)),
                regularization: .init(l2: 0.01)))
        try trainer(steps: 4).run(problem, with: kfac)
        let details = try recorder.steps.map { try #require($0.details) }
        #expect(details.map(\.isBurnIn) == [false, false, false, false])
        #expect(details.map { $0.actualChange != nil } == [false, true, false, true])
        #expect(details.map { $0.reductionRatio != nil } == [false, true, false, true])
        #expect(details.allSatisfy { $0.predictedChange! < 0 && $0.gradientNorm! > 0 && $0.updateNorm! > 0 })
        #expect(details.map(\.inverseAges) == [["slope": 0], ["slope": 0], ["slope": 0], ["slope": 1]])
        #expect(details.allSatisfy { $0.phases["quadraticModel"]! > 0 && $0.regularization! >= 0 })
        try trainer(steps: 1).run(problem, with: optimizer)
        #expect(recorder.steps.last?.details == nil)
    }

    @Test func eachEpochUsesEachExampleOnce() throws {
        try trainer().run(problem, with: optimizer)
        #expect(problem.dealt.map(\.count) == [4, 4, 2, 4, 4, 2])
        #expect(problem.dealt[0..<3].joined().sorted() == Array(0..<10))
        #expect(problem.dealt[3..<6].joined().sorted() == Array(0..<10))
    }

    @Test func meanLossOfAnEpochIsWeightedByExamples() throws {
        try trainer(epochs: 1).run(problem, with: optimizer)
        let steps = recorder.steps
        let expected = (steps[0].loss * 4 + steps[1].loss * 4 + steps[2].loss * 2) / 10
        guard case .epochEnd(let result) = recorder.events[6] else {
            Issue.record("\(recorder.names)")
            return
        }
        #expect(abs(result.loss - expected) < 1e-12 * expected)
        #expect(result.steps == 3)
    }

    @Test func aRunOfStepsIsTestedAtItsEnd() throws {
        let summary = try trainer(steps: 4).run(problem, with: optimizer)
        #expect(
            recorder.names == [
                "run start", "epoch 1", "step 0", "step 1", "step 2", "epoch end 1", "epoch 2", "step 3",
                "evaluation 2", "run end",
            ])
        guard case .runStart(let start) = recorder.events.first, case .epochStart(let epoch) = recorder.events[6]
        else {
            Issue.record("\(recorder.names)")
            return
        }
        #expect(start.epochs == nil)
        #expect(start.steps == 4)
        #expect(start.evaluations == 1)
        #expect(epoch.steps == 1)
        #expect(summary.epochs == 1)
        #expect(summary.lastEvaluation?.steps == 4)
    }

    @Test(arguments: [(1, [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6]), (4, [4, 6]), (6, [6]), (100, [6])])
    func testsCanComeAfterANumberOfSteps(period: Int, expected: [Int]) throws {
        try trainer(period: period, limit: 3).run(problem, with: optimizer)
        let evaluations = recorder.events.compactMap { event in
            if case .evaluation(let evaluation) = event { evaluation } else { nil }
        }
        #expect(evaluations.map(\.steps) == expected)
        #expect(evaluations.allSatisfy { $0.score.examples == 3 })
        guard case .runStart(let start) = recorder.events.first else { return }
        #expect(start.evaluations == expected.count)
        #expect(start.testExamples == 3)
    }

    @Test func batchesCanGrow() throws {
        let size = BatchSize.growing(from: 2, steps: 4)
        let summary = try trainer(steps: 6, batchSize: size).run(problem, with: optimizer)
        // Of 10: 2, then 2 · 5^(1/3), 2 · 5^(2/3), of which 5 were left; then all.
        #expect(problem.dealt.map(\.count) == [2, 3, 5, 10, 10, 10])
        #expect(summary.examples == 40)
        guard case .runStart(let start) = recorder.events.first else { return }
        #expect(start.stepsPerEpoch == nil)
        #expect(start.batchSize == 2)
        #expect(start.lastBatchSize == 10)
    }

    /// An optimiser that runs the model on a part of the batch, too.
    @Test func partsOfTheBatchReachTheModel() throws {
        final class PartLooker: Optimizer {
            let inner: SGD
            var losses: [[Double]] = []
            var stepCount: Int { inner.stepCount }
            init(_ inner: SGD) { self.inner = inner }
            func step(_ loss: () throws -> Loss) throws -> StepReport { try inner.step(loss) }
            func step(examples count: Int, _ loss: (Range<Int>) throws -> Loss) throws -> StepReport {
                for range in [0..<count, 1..<count, 2..<3] {
                    losses.append(try loss(range).perExample.array(of: Double.self))
                }
                return try step { try loss(0..<count) }
            }
            func state() -> Snapshot { inner.state() }
            func load(_ state: Snapshot) throws(SnapshotError) { try inner.load(state) }
        }
        let optimizer = PartLooker(optimizer)
        try trainer(steps: 1).run(problem, with: optimizer)
        let all = try #require(optimizer.losses.first)
        #expect(Set(all).count == 4)
        #expect(optimizer.losses == [all, Array(all[1...]), Array(all[2..<3])])
    }

    @Test func trainingReducesTheLoss() throws {
        try trainer(epochs: 60).run(problem, with: optimizer)
        #expect(abs(problem.slope.scalar - 3) < 0.01)
    }

    @Test func aRunCanBeRepeated() throws {
        try trainer().run(problem, with: optimizer)
        let (other, otherRecorder) = (LineProblem(), Recorder())
        try trainer(sinks: [otherRecorder]).run(
            other, with: SGD(other.parameters, configuration: SGD.Configuration(learningRate: 0.1, momentum: 0.5)))
        #expect(otherRecorder.steps.map(\.loss) == recorder.steps.map(\.loss))
        #expect(other.slope.scalar == problem.slope.scalar)
    }

    @Test func cancellationEndsBetweenSteps() throws {
        let cancellation = Cancellation()
        recorder.onEvent = { if case .step(let step) = $0, step.step == 4 { cancellation.request() } }
        let summary = try trainer(cancellation: cancellation).run(problem, with: optimizer)
        #expect(summary.outcome == .interrupted(signal: nil))
        #expect(summary.steps == 5)
        #expect(summary.epochs == 1)
        #expect(summary.lastEvaluation?.epoch == 1)
        #expect(recorder.names.suffix(3) == ["step 3", "step 4", "run end"])
    }

    @Test func aSignalIsPassedOn() throws {
        let summary = try trainer(cancellation: Cancellation { 15 }).run(problem, with: optimizer)
        #expect(summary.outcome == .interrupted(signal: 15))
        #expect(summary.steps == 0)
        #expect(recorder.names == ["run start", "epoch 1", "run end"])
    }

    /// A few are put up with, and leave neither the run's losses nor its parameters without meaning.
    @Test(arguments: [Double.nan, .infinity])
    func aStepWhoseLossIsNotFiniteIsRejected(factor: Double) throws {
        problem.factor = { $0 == 2 ? factor : 1 }
        withoutGradients { problem.slope.fill(1) }
        let summary = try trainer().run(problem, with: optimizer)
        #expect(summary.outcome == .completed && summary.guards == ["stepRejected": 1])
        #expect(recorder.steps.map(\.isRejected) == recorder.steps.indices.map { $0 == 2 })
        #expect(recorder.steps[2].loss.isFinite == false)
        for case .epochEnd(let epoch) in recorder.events { #expect(epoch.loss.isFinite) }
        #expect(problem.slope.detached().scalar.isFinite)
    }

    /// Too many in a row end it with the reason.
    @Test func lossesThatStayNotFiniteEndTheRun() throws {
        problem.factor = { $0 >= 2 ? .nan : 1 }
        let own = SGD(problem.parameters)
        own.guards.maximumRejections = 1
        let error = #expect(throws: OptimizerError.self) { try trainer().run(problem, with: own) }
        #expect(
            error?.description.hasPrefix("2 steps in a row were rejected, the last one, step 3, as the loss is") == true
        )
        #expect(recorder.steps.map(\.step) == [0, 1, 2] && recorder.summary?.steps == 3)
        #expect(recorder.summary?.outcome == .failed(reason: try #require(error).description))
    }

    /// Fewer steps than rejections are put up with: none was taken, and that is no complete run.
    @Test(arguments: [1, 5]) func aRunWithoutAStepHasFailed(steps: Int) throws {
        problem.factor = { _ in .nan }
        let folder = TemporaryFolder()
        var trainer = trainer(steps: steps)
        trainer.weightsFile = URL(fileURLWithPath: folder("weights.safetensors"))
        let error = #expect(throws: OptimizerError.self) { try trainer.run(problem, with: optimizer) }
        let text = try #require(error?.description)
        #expect(text.contains("step \(steps - 1)") && text.contains("rejected"), "\(text)")
        #expect(recorder.summary?.outcome == .failed(reason: text) && recorder.summary?.steps == steps)
        #expect(folder.names.isEmpty)
    }

    /// Said once, and measured by the first loss that is a number.
    @Test func aLossThatGrowsBeyondMeasureIsSaid() throws {
        withoutGradients { problem.slope.fill(1) }
        problem.factor = { step in [0: .nan, 1: 1, 2: 50, 3: 1e19, 4: 1e19, 5: 1e20][step] ?? 1 }
        try trainer(steps: 6).run(
            problem, with: SGD(problem.parameters, configuration: SGD.Configuration(learningRate: 1e-300)))
        let messages = recorder.steps.map(\.messages)
        #expect(messages.map { $0?.count ?? 0 } == [0, 0, 0, 1, 0, 0])
        let text = try #require(messages[3]?.first)
        #expect(
            text.wholeMatch(of: /step 3: the loss .* is more than 10000 times the first one, .*: the run diverges; .*/)
                != nil)
    }

    /// Without guards the first one does.
    @Test(arguments: [Double.nan, .infinity])
    func aLossThatIsNotFiniteEndsTheRun(factor: Double) throws {
        problem.factor = { $0 == 2 ? factor : 1 }
        let optimizer = SGD(problem.parameters)
        optimizer.guards = .off
        // The slope must not be zero where it is multiplied by infinity.
        withoutGradients { problem.slope.fill(1) }
        let error = #expect(throws: OptimizerError.self) { try trainer().run(problem, with: optimizer) }
        #expect(
            error?.description
                == "the loss is not finite at step 2: lower the learning rate, or raise the damping if there is one")
        #expect(recorder.names.suffix(2) == ["step 2", "run end"])
        #expect(recorder.steps.last?.loss.isFinite == false)
        #expect(recorder.summary?.outcome == .failed(reason: error!.description))
        #expect(recorder.summary?.steps == 3)
    }

    @Test func aFailingSinkEndsTheRunAndTheOthersLearnOfIt() throws {
        let failing = Recorder()
        failing.onEvent = { if case .step(let step) = $0, step.step == 1 { throw Recorder.Failure() } }
        #expect(throws: Recorder.Failure()) {
            try trainer(sinks: [recorder, failing]).run(problem, with: optimizer)
        }
        #expect(recorder.names == ["run start", "epoch 1", "step 0", "step 1", "run end"])
        #expect(recorder.summary?.outcome == .failed(reason: "Failure()"))
    }

    @Test func aFailingOptimizerEndsTheRun() throws {
        let unreached = NamedParameter("unused", Tensor([1.0 as Double]).requiringGradient())
        #expect(throws: OptimizerError.self) {
            try trainer().run(problem, with: SGD([unreached]))
        }
        #expect(
            recorder.summary?.outcome
                == .failed(reason: "the loss does not depend on unused: use them in the model or leave them out"))
    }
}
