import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Targets that do not fit stop the program with the shapes.
@Suite struct TargetShapeTests {
    private func expect(
        _ result: ExitTest.Result?, _ text: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let output = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(output.contains(text), sourceLocation: sourceLocation)
    }

    @Test func classesOfAnotherBatch() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Loss(Categorical(logits: Tensor.zeros([4, 3])), targets: Tensor([0, 1, 2]))
        }
        expect(result, "Categorical: targets int64[3] for logits of shape [4, 3]")
    }

    @Test func valuesThatWouldBroadcast() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Loss(Normal(mean: Tensor.zeros([4, 1])), targets: Tensor.zeros([4]))
        }
        expect(result, "Normal: targets of shape [4] for means of shape [4, 1]")
    }
}
