import Datasets
import KFAC
import TestSupport
import Testing
import Torch
import Training

/// What holds of every problem, checked on one.
enum ProblemChecks {
    /// A part of a batch has the losses of its examples, the whole is the batch itself.
    static func expectParts<P: Problem>(
        of problem: P, count: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let batch = problem.trainingBatch(at: Tensor.range(0..<count))
        let all = problem.loss(of: batch).perExample.detached()
        for range in [0..<count, 0..<1, 1..<count, count / 2..<count / 2 + 1] {
            let part = problem.loss(of: problem.part(range, of: batch))
            #expect(part.batchSize == range.count, sourceLocation: sourceLocation)
            expectClose(part.perExample, all[range], relative: 1e-5, absolute: 1e-6, sourceLocation: sourceLocation)
        }
    }

    /// The parameters' gradients are there and finite, and not all of them zero.
    static func expectFiniteGradients<P: Problem>(
        of problem: P, count: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let loss = problem.loss(of: problem.trainingBatch(at: Tensor.range(0..<count))).mean
        let gradients = gradients(of: loss, withRespectTo: problem.parameters.map(\.tensor))
        for (gradient, parameter) in zip(gradients, problem.parameters) {
            #expect(gradient.isFinite().all(), "\(parameter.name)", sourceLocation: sourceLocation)
            #expect(gradient.norm().scalar > 0, "\(parameter.name)", sourceLocation: sourceLocation)
        }
    }

    /// Some steps of K-FAC make the loss fall, and twice the same numbers.
    static func expectTraining<P: Problem>(
        steps: Int, batchSize: Int, share: Double, configuration: KFACOptimizer.Configuration,
        sourceLocation: SourceLocation = #_sourceLocation, _ make: () -> P
    ) throws {
        func run() throws -> [Double] {
            let problem = make()
            var configuration = configuration
            configuration.layers = problem.layerChoices
            let recorder = Recorder()
            let sampler = BatchSampler(
                count: problem.trainingCount, batchSize: .constant(batchSize), generator: RandomGenerator(seed: 2))
            let summary = try Trainer(
                length: .steps(steps), sampler: sampler, optimizerName: "kfac", sinks: [recorder], evaluationLimit: 10
            ).run(problem, with: KFACOptimizer(problem.parameters, configuration: configuration))
            #expect(recorder.steps.first?.messages == nil, sourceLocation: sourceLocation)
            return recorder.steps.map(\.loss) + [summary.lastEvaluation!.score.loss]
        }
        let losses = try run()
        #expect(
            losses[losses.count - 2] < share * losses[0], "\(losses[0]) to \(losses[losses.count - 2])",
            sourceLocation: sourceLocation)
        #expect(try run() == losses, sourceLocation: sourceLocation)
    }
}
