import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Lists of parameters that cannot be optimised, and steps at the wrong place.
@Suite struct OptimizerMisuseTests {
    private static let makers: [(name: String, make: @Sendable ([NamedParameter]) -> Void)] = [
        ("SGD", { _ = SGD($0) }), ("Adam", { _ = Adam($0) }), ("Shampoo", { _ = Shampoo($0) }),
        ("SOAP", { _ = SOAP($0) }), ("KLShampoo", { _ = KLShampoo($0) }), ("Muon", { _ = Muon($0) }),
        ("FirstOrderOptimizer", { _ = FirstOrderOptimizer($0, rule: .sgd(.init())) }),
        ("KFACOptimizer", { _ = KFACOptimizer($0) }), ("KFACOptimizer", { _ = KFACPreconditioner($0) }),
        ("ParameterAverage", { _ = ParameterAverage($0, rule: .uniform(from: 0)) }),
    ]

    private static func view(_ tensor: Tensor) -> Tensor { tensor.detached().requiringGradient() }

    private static let lists: [(make: @Sendable () -> [NamedParameter], message: String)] = [
        (
            { [NamedParameter("a", parameter([2], seed: 1)), NamedParameter("a", parameter([2], seed: 2))] },
            "two parameters have the name 'a'; each needs one of its own"
        ),
        (
            {
                let weight = parameter([2, 3], seed: 1)
                return [NamedParameter("a", weight), NamedParameter("b", weight)]
            }, "the parameters 'a' and 'b' are the same tensor"
        ),
        (
            {
                let fused = randomTensor([4, 3], seed: 1)
                return [
                    NamedParameter("a", view(fused[0..<1])), NamedParameter("b", view(fused[1..<3])),
                    NamedParameter("c", view(fused[2..<4])),
                ]
            }, "the parameters 'b' and 'c' share elements in memory"
        ),
        (
            {
                let fused = randomTensor([4, 3], seed: 1)
                return [NamedParameter("a", view(fused)), NamedParameter("b", view(fused.transposed()))]
            }, "the parameters 'a' and 'b' share elements in memory"
        ),
        (
            { [NamedParameter("a@1,0", parameter([2], seed: 1))] },
            "the parameter's name \"a@1,0\" cannot be stored in a state"
        ),
        (
            {
                let shared = randomTensor([1, 3], seed: 1).broadcast(to: [2, 3])
                return [NamedParameter("a", view(shared))]
            }, "elements of the parameter 'a' [2, 3] share an address"
        ),
        (
            { [NamedParameter("a", parameter([2], seed: 1)), NamedParameter("b", 2 * parameter([2], seed: 2))] },
            "the parameter 'b' is the result of an operation; give what it was computed from, or "
        ),
        (
            { [NamedParameter("a", parameter([4, 3], seed: 1)[1..<3])] },
            "the parameter 'a' is the result of an operation"
        ),
        (
            // Columns whose ranges of addresses meet.
            {
                let fused = randomTensor([4, 3], seed: 1)
                return [
                    NamedParameter("a", view(fused[.all, 0..<2])), NamedParameter("b", view(fused[.all, 1..<3])),
                ]
            }, "the parameters 'a' and 'b' share elements in memory"
        ),
    ]

    @Test func listsAreRefused() async {
        await #expect(processExitsWith: .success) {
            for (name, optimize) in Self.makers {
                for (list, message) in Self.lists { expectTrap("\(name): \(message)") { optimize(list()) } }
            }
        }
    }

    /// Views of one tensor that do not overlap, side by side or interleaved, are parameters as all others.
    @Test func partsOfOneTensorAreFine() throws {
        let fused = randomTensor([4, 6], seed: 1)
        let parts = [fused[.all, 0..<2], fused[.all, 2..<5], fused[0..<2, 5..<6], fused[2..<4, 5..<6]]
        let parameters = parts.enumerated().map { NamedParameter("parts.\($0)", Self.view($1)) }
        for (_, make) in Self.makers { make(parameters) }
        let before = fused.copy()
        let sgd = SGD(parameters, configuration: .init(learningRate: 1, momentum: 0))
        try sgd.step(gradients: parts.map { Tensor.ones($0.shape, dtype: .float64) })
        expectClose(fused, before - 1, relative: 1e-15)
    }

    private static func loss(_ layer: TestLayer) -> Loss {
        let mean = layer(randomTensor([4, 3], seed: 2))
        return Loss(Normal(mean: mean), targets: Tensor.zeros(mean.shape, dtype: .float64))
    }

    private typealias Closure = () throws -> Loss
    private typealias Step = (@escaping Closure) throws -> Void

    private static let steppers: [(name: String, make: @Sendable ([NamedParameter]) -> Step)] = [
        (
            "Adam.step",
            { parameters in
                let optimizer = Adam(parameters)
                return { loss in try optimizer.step(loss) }
            }
        ),
        (
            "KFACOptimizer.step",
            { parameters in
                let optimizer = KFACOptimizer(parameters)
                return { loss in try optimizer.step(loss) }
            }
        ),
        (
            "KFACPreconditioner.update",
            { parameters in
                let preconditioner = KFACPreconditioner(parameters)
                return { loss in try preconditioner.update(loss) }
            }
        ),
    ]

    /// Takes a step on another thread, and waits for it.
    private static func elsewhere(_ step: @escaping Step, _ loss: @escaping Closure) {
        nonisolated(unsafe) let step = step
        nonisolated(unsafe) let loss = loss
        let isDone = DispatchSemaphore(value: 0)
        Thread {
            try? step(loss)
            isDone.signal()
        }.start()
        isDone.wait()
    }

    private static let places: [(take: @Sendable (@escaping Step, @escaping Closure) throws -> Void, message: String)] =
        [
            (
                { step, loss in try withoutGradients { try step(loss) } },
                "called inside of withoutGradients, where no gradients are recorded; call it outside, or inside of "
                    + "withGradients"
            ),
            (
                { step, loss in
                    try step {
                        try step(loss)
                        return try loss()
                    }
                }, "called inside of a step's own closure, whose step is not done yet"
            ),
            (
                { step, loss in
                    try step {
                        elsewhere(step, loss)
                        return try loss()
                    }
                }, "called while another thread is inside of a step; an optimizer is for one thread at a time"
            ),
        ]

    @Test func stepsAreRefused() async {
        await #expect(processExitsWith: .success) {
            for (name, make) in Self.steppers {
                for (take, message) in Self.places {
                    expectTrap("\(name): \(message)") {
                        let layer = TestLayer([2, 3], seed: 1)
                        try take(make(layer.named("layer"))) { Self.loss(layer) }
                    }
                }
            }
        }
    }

    /// After a step that failed, the next one is let in; and steps may be taken on different threads, one after
    /// another.
    @Test func oneStepAtATimeIsFine() throws {
        struct Stop: Error {}
        let layer = TestLayer([2, 3], seed: 1)
        for (_, make) in Self.steppers {
            let step = make(layer.named("layer"))
            #expect(throws: Stop.self) { try step { throw Stop() } }
            try withoutGradients { try withGradients { try step { Self.loss(layer) } } }
            Self.elsewhere(step) { Self.loss(layer) }
            try step { Self.loss(layer) }
        }
    }
}
