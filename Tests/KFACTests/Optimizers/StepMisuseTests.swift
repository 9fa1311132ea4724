import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// What cannot be done while a step is in progress, and parameters without elements.
@Suite struct StepMisuseTests {
    private static func loss(_ weight: Tensor) -> Loss {
        Loss(
            Normal(mean: linear(Tensor.ones([2, 3], dtype: .float64), weight: weight)),
            targets: Tensor.zeros([2, 2], dtype: .float64))
    }

    private static let misuses: [(use: @Sendable () throws -> Void, message: String)] = [
        (
            {
                let weight = parameter([2, 3], seed: 1)
                let optimizer = KFACOptimizer([NamedParameter("weight", weight)])
                try optimizer.step {
                    try optimizer.load(optimizer.state())
                    return loss(weight)
                }
            }, "KFACOptimizer.state: called inside of a step's own closure"
        ),
        (
            {
                let weight = parameter([2, 3], seed: 1)
                try SGD([NamedParameter("weight", weight)]).step {
                    weight.requiringGradient(false)
                    return loss(weight)
                }
            }, "FirstOrderOptimizer.step: its closure froze weight"
        ),
        (
            {
                let weight = parameter([2, 3], seed: 1)
                try SOAP([NamedParameter("weight", weight)]).step(gradients: [Tensor.ones([2, 3], dtype: .bfloat16)])
            },
            "FirstOrderOptimizer.step(gradients:): the tensor for the parameter 'weight' is of type bfloat16, the parameter "
                + "of type float64: convert it by to(.float64)"
        ),
        (
            {
                let weight = parameter([2, 3], seed: 1)
                let curvature = KFACPreconditioner([NamedParameter("weight", weight)])
                try curvature.update { loss(weight) }
                _ = curvature.precondition([Tensor.ones([2, 3])])
            }, "KFACPreconditioner.precondition: the tensor for the parameter 'weight' is of type float32"
        ),
        (
            {
                let weight = parameter([2, 3], seed: 1)
                let curvature = ModelCurvature(of: [NamedParameter("weight", weight)])
                try curvature.update { loss(weight) }
                _ = try curvature.matrix().apply(to: [Tensor.ones([2, 3])])
            }, "ModelOperator.apply: the tensor for the parameter 'weight' is of type float32"
        ),
        (
            { try KFACOptimizer([]).step(examples: -1) { _ in loss(parameter([2, 3], seed: 1)) } },
            "KFACOptimizer.step: -1 examples"
        ),
    ]

    @Test func misuseIsNamed() async {
        await #expect(processExitsWith: .success) {
            for misuse in Self.misuses { expectTrap(misuse.message, of: misuse.use) }
        }
    }

    private struct Stop: Error {}

    /// The first part of a batch whose end cannot be reached by adding.
    @Test func batchesMayBeAsLargeAsNumbers() {
        let weight = parameter([2, 3], seed: 1)
        let optimizer = KFACOptimizer([NamedParameter("weight", weight)])
        var ranges: [Range<Int>] = []
        for size in [3, Int.max - 1, .max] {
            #expect(throws: Stop.self) {
                try optimizer.step(examples: .max, inPartsOf: size) {
                    ranges.append($0)
                    throw Stop()
                }
            }
        }
        #expect(ranges == [0..<3, 0..<(.max - 1), 0..<Int.max])
    }

    @Test(arguments: [
        FirstOrderRule.sgd(.init()), .adam(.init()), .shampoo(.init()), .soap(.init()), .klShampoo(.init()),
        .muon(.init()),
    ])
    func parametersMayHaveNoElements(rule: FirstOrderRule) throws {
        let (weight, none) = (parameter([2, 3], seed: 1), Tensor.zeros([0, 3], dtype: .float64).requiringGradient())
        let before = weight.detached().copy()
        let optimizer = FirstOrderOptimizer(
            [NamedParameter("weight", weight), NamedParameter("none", none)], rule: rule)
        for _ in 0..<3 { try optimizer.step { Self.loss(weight).adding(objective: none.sum()) } }
        #expect((weight.detached() - before).abs().max().scalar > 0)
        #expect(weight.detached().isFinite().all())
    }

    @Test(arguments: [
        ("stepCount", Tensor([Int.max]), "'stepCount' is \(Int.max), a number from 0 to 9007199254740992 was expected"),
        (
            "rule.parameters.weight.velocity", Tensor.full([2, 3], .nan, dtype: .float64),
            "'rule.parameters.weight.velocity' has elements that are NaN or infinite"
        ),
    ])
    func statesThatWouldDoHarmAreRefused(name: String, value: Tensor, reason: String) throws {
        let weight = parameter([2, 3], seed: 1)
        let optimizer = SGD([NamedParameter("weight", weight)])
        try optimizer.step { Self.loss(weight) }
        var tensors = optimizer.state().tensors
        #expect(tensors.updateValue(value, forKey: name) != nil)
        let error = #expect(throws: SnapshotError.self) { try optimizer.load(Snapshot(tensors: tensors)) }
        #expect(error?.description.contains(reason) == true)
        #expect(optimizer.stepCount == 1)
    }
}
