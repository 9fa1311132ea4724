import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Targets that do not fit stop the program with the shapes.
@Suite struct TargetShapeTests {
    @Test func targetsOfOtherShapes() async {
        await #expect(processExitsWith: .success) {
            expectTrap("Categorical: targets int64[3] for logits of shape [4, 3]") {
                _ = Loss(Categorical(logits: Tensor.zeros([4, 3])), targets: Tensor([0, 1, 2]))
            }
            expectTrap("Normal: targets of shape [4] for means of shape [4, 1]") {
                _ = Loss(Normal(mean: Tensor.zeros([4, 1])), targets: Tensor.zeros([4]))
            }
        }
    }
}
