import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A state is of no step in progress: copying or loading one meanwhile stops the program by name.
@Suite struct StateMisuseTests {
    private typealias Access = () throws -> Void

    private struct Subject {
        let step: (() throws -> Loss) throws -> Void
        let state: Access
        let load: Access
    }

    private static let subjects: [(name: String, make: @Sendable ([NamedParameter]) -> Subject)] = [
        (
            "SGD",
            { parameters in
                let optimizer = SGD(parameters)
                let state = optimizer.state()
                return Subject(
                    step: { try optimizer.step($0) }, state: { _ = optimizer.state() },
                    load: { try optimizer.load(state) })
            }
        ),
        (
            "KFACOptimizer",
            { parameters in
                let optimizer = KFACOptimizer(parameters)
                let state = optimizer.state()
                return Subject(
                    step: { try optimizer.step($0) }, state: { _ = optimizer.state() },
                    load: { try optimizer.load(state) })
            }
        ),
        (
            "KFACPreconditioner",
            { parameters in
                let preconditioner = KFACPreconditioner(parameters)
                let state = preconditioner.state()
                return Subject(
                    step: { try preconditioner.update($0) }, state: { _ = preconditioner.state() },
                    load: { try preconditioner.load(state) })
            }
        ),
    ]

    private static func elsewhere(_ access: @escaping Access) {
        nonisolated(unsafe) let access = access
        let isDone = DispatchSemaphore(value: 0)
        Thread {
            try? access()
            isDone.signal()
        }.start()
        isDone.wait()
    }

    private static func loss(_ layer: TestLayer) -> Loss {
        let mean = layer(randomTensor([4, 3], seed: 2))
        return Loss(Normal(mean: mean), targets: Tensor.zeros(mean.shape, dtype: .float64))
    }

    @Test func isRefusedInAStep() async {
        await #expect(processExitsWith: .success) {
            for (name, make) in Self.subjects {
                for (loads, onAnotherThread) in [(false, false), (false, true), (true, false), (true, true)] {
                    let reason =
                        onAnotherThread
                        ? "called while another thread is inside of a step; an optimizer is for one thread at a time"
                        : "called inside of a step's own closure, whose step is not done yet"
                    expectTrap("\(name).\(loads ? "load" : "state"): \(reason)") {
                        let layer = TestLayer([2, 3], seed: 1)
                        let subject = make(layer.named("layer"))
                        let access = loads ? subject.load : subject.state
                        try subject.step {
                            if onAnotherThread { Self.elsewhere(access) } else { try access() }
                            return Self.loss(layer)
                        }
                    }
                }
            }
        }
    }

    /// Between steps, on any thread, and without gradients.
    @Test(arguments: subjects.indices) func isFineBetweenSteps(number: Int) throws {
        let layer = TestLayer([2, 3], seed: 1)
        let subject = Self.subjects[number].make(layer.named("layer"))
        try subject.step { Self.loss(layer) }
        Self.elsewhere(subject.state)
        try withoutGradients {
            try subject.state()
            try subject.load()
        }
        try subject.step { Self.loss(layer) }
    }
}
