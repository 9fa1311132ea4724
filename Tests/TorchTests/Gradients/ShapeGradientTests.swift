import TestSupport
import Testing
import Torch

// Each case ends in a curved function, so that the second derivatives are not all zero.
@Suite("Gradients of reductions, views and joins")
struct ShapeGradientTests {
    static let reductions: [GradientCase] = [
        GradientCase("sum", [2, 3]) { $0[0].sum().exp() },
        GradientCase("sum of rank 0", []) { $0[0].sum().exp() },
        GradientCase("sum of one axis", [2, 3, 2]) { $0[0].sum(1).exp() },
        GradientCase("sum of two axes, kept", [2, 3, 2]) { $0[0].sum(0, -1, keepingAxes: true).exp() },
        GradientCase("sum of listed axes", [2, 3, 2]) { $0[0].sum(axes: [0, 1]).exp() },
        GradientCase("mean", [2, 3]) { $0[0].mean().exp() },
        GradientCase("mean of an axis", [2, 3]) { $0[0].mean(0).exp() },
        GradientCase("mean of an axis, kept", [2, 3]) { $0[0].mean(-1, keepingAxes: true).exp() },
        GradientCase("variance", [2, 3]) { $0[0].variance() },
        GradientCase("variance of axes", [2, 3, 2]) { $0[0].variance(0, 2) },
        GradientCase("max", [2, 3]) { $0[0].max().exp() },
        GradientCase("max of an axis", [2, 3]) { $0[0].max(1, keepingAxes: true).exp() },
        GradientCase("min of an axis", [2, 3]) { $0[0].min(0).exp() },
        GradientCase("logSumExp", [2, 3]) { $0[0].logSumExp() },
        GradientCase("logSumExp of an axis", [2, 3, 2]) { $0[0].logSumExp(1) },
        GradientCase("norm", [2, 3]) { $0[0].norm() },
        GradientCase("cumulativeSum", [2, 3]) { $0[0].cumulativeSum(axis: 1).exp() },
        GradientCase("trace", [3, 3]) { $0[0].trace().exp() },
        GradientCase("trace of a batch", [2, 3, 3]) { $0[0].trace().exp() },
        GradientCase("sum of a strided view", [4, 6]) { $0[0][.every(2), .every(3)].sum(0).exp() },
    ]

    @Test(arguments: reductions) func checkReductions(_ item: GradientCase) { item.check() }

    static let views: [GradientCase] = [
        GradientCase("reshaped", [2, 6]) { $0[0].reshaped([3, -1]).exp() },
        GradientCase("reshaped from a view", [2, 3, 2]) { $0[0].transposed().reshaped([4, 3]).exp() },
        GradientCase("flattened", [2, 3, 2]) { $0[0].flattened(from: 1).exp() },
        GradientCase("permuted", [2, 3, 2]) { $0[0].permuted(2, 0, 1).exp() },
        GradientCase("transposed", [2, 3]) { $0[0].transposed().exp() },
        GradientCase("broadcast", [3, 1]) { $0[0].broadcast(to: [2, -1, 2]).exp() * 0.5 },
        GradientCase("expanded and squeezed", [2, 3]) { $0[0].expanded(at: 1).exp().squeezed(at: 1) },
        GradientCase("diagonal", [3, 3]) { $0[0].diagonal().exp() },
        GradientCase("diagonal of a batch", [2, 3, 3]) { $0[0].diagonal().exp() },
        GradientCase("diagonalMatrix", [3]) { $0[0].diagonalMatrix().exp() },
        GradientCase("lowerTriangle", [3, 3]) { $0[0].lowerTriangle(-1).exp() },
        GradientCase("upperTriangle", [2, 3, 3]) { $0[0].upperTriangle(1).exp() },
        GradientCase("flipped", [2, 3]) { $0[0].flipped(0, 1).exp() },
        GradientCase("windows", [2, 5]) { $0[0].windows(along: 1, size: 3).exp() },
        GradientCase("windows apart", [7]) { $0[0].windows(along: 0, size: 3, step: 2).exp() },
        GradientCase("padded", [2, 3]) { $0[0].padded([(1, 2), (0, 1)], value: 0.5).exp() },
        GradientCase("a position", [3, 2]) { $0[0][-1].exp() },
        GradientCase("slices", [4, 5]) { $0[0][1..<3, .every(2)].exp() },
        GradientCase("ellipsis and new axis", [2, 3, 2]) { $0[0][.newAxis, .ellipsis, 0].exp() },
        GradientCase("gathered, one row twice", [4, 2]) { $0[0].gathered(Tensor([2, 0, 2])).exp() },
        GradientCase("gathered columns", [2, 4]) { $0[0].gathered(Tensor([3, 1]), axis: 1).exp() },
        GradientCase("elements", [2, 3]) { $0[0].elements(at: Tensor([1, 1, 0, 2], shape: [2, 2]), along: 1).exp() },
        GradientCase("adding at indices", [3, 2], [4, 2]) {
            $0[0].adding($0[1], at: Tensor([0, 2, 2, 1])).exp()
        },
        GradientCase("adding at columns", [2, 3], [2, 2]) {
            $0[0].adding($0[1], at: Tensor([2, 2]), along: 1).exp()
        },
        GradientCase("concatenate", [2, 3], [1, 3]) { Tensor.concatenate($0).exp() },
        GradientCase("concatenate the same twice", [2, 2]) { Tensor.concatenate([$0[0], $0[0]], axis: 1).exp() },
        GradientCase("stack", [2, 3], [2, 3]) { Tensor.stack($0, axis: 1).exp() },
    ]

    @Test(arguments: views) func checkViews(_ item: GradientCase) { item.check() }
}
