import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Memory that runs out anywhere in a step is an error of the step, whatever the method and the layers are.
///
/// One place in the steps of every other case by default; `KFAC_MEMORY_FAULTS=10000` tries as many in all of them.
@Suite struct MemoryFaultTests {
    private static let wanted = ProcessInfo.processInfo.environment["KFAC_MEMORY_FAULTS"].flatMap(Int.init)

    static let cases = ResumeTests.cases.enumerated().map { (number: $0, method: $1.0, network: $1.1) }
        .filter { wanted != nil || $0.number % 2 == 0 }

    /// One step, with so many allocations before all others fail.
    private func step(
        _ optimizer: any Optimizer, _ subject: ResumeSubject, _ number: Int, allocations: Int = .max
    ) -> (outcome: Result<StepReport, any Error>, allocations: Int) {
        MemoryShortage.after(allocations) {
            try optimizer.step(examples: ResumeSubject.batchSize) { subject.loss(number, $0) }
        }
    }

    @Test(arguments: cases)
    func isAnErrorOfTheStep(number: Int, method: ResumeTests.Method, network: ResumeNetwork) throws {
        let subject = network.make()
        let optimizer = method(subject.parameters)
        let done = [0, 2, 4, 5][number % 4]
        for number in 0..<done { _ = try step(optimizer, subject, number).outcome.get() }
        let (model, state) = (subject.state(), optimizer.state())
        // As in the steps below, which begin with what was loaded.
        try optimizer.load(state)
        let (report, count) = step(optimizer, subject, done)
        _ = try report.get()
        let (bits, after) = (subject.bits, optimizer.stepCount)

        let stride = max(1, count / (Self.wanted ?? 1))
        for allocations in Swift.stride(from: number * 37 % stride, to: count, by: stride) {
            let place = "\(method) \(network) step \(done), allocation \(allocations) of \(count)"
            try subject.load(model)
            try optimizer.load(state)
            let before = subject.bits
            let (outcome, needed) = step(optimizer, subject, done, allocations: allocations)
            // A step may need a few fewer than the one before.
            guard needed > allocations else { continue }
            guard case .failure(OptimizerError.memoryRanOut(let step, let fault, _)) = outcome else {
                Issue.record("\(place): \(outcome)")
                continue
            }
            #expect(step == done && optimizer.stepCount == done, "\(place)")
            #expect(fault.reason.contains("tried to allocate") && !fault.operation.isEmpty, "\(place)")
            if !fault.hasWritten { #expect(subject.bits == before, "\(place)") }
            // With memory again, it goes on.
            _ = try self.step(optimizer, subject, done).outcome.get()
            #expect(optimizer.stepCount == after, "\(place)")
            try subject.load(model)
            try optimizer.load(state)
            _ = try self.step(optimizer, subject, done).outcome.get()
            #expect(subject.bits == bits, "\(place)")
        }
    }

    @Test func tellsWhatToDo() throws {
        let layer = TestLayer([5, 3], seed: 1)
        func loss() -> Loss {
            Loss(Categorical(logits: layer(randomTensor([4, 3], seed: 2))), targets: Tensor([0, 1, 2, 3]))
        }
        let (outcome, _) = MemoryShortage.after(1) { try KFACOptimizer(layer.named("layer")).step(loss) }
        let error = #expect(throws: OptimizerError.self) { try outcome.get() }
        let text = error?.description ?? ""
        for part in ["not enough memory for step 0", "bytes could not be allocated", "batch smaller", "dimensionLimit"]
        {
            #expect(text.contains(part), "\(text)")
        }
        let (other, _) = MemoryShortage.after(0) { try SGD(layer.named("layer")).step(loss) }
        #expect(throws: OptimizerError.self) { try other.get() }
    }
}
