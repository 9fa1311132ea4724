import TestSupport
import Testing
import Torch

@Suite("Gradients of functions of each element")
struct ElementwiseGradientTests {
    static let functions: [GradientCase] = [
        GradientCase("negate", [2, 3]) { -$0[0] },
        GradientCase("abs", [2, 3]) { $0[0].abs() },
        GradientCase("sign", [2, 3]) { $0[0].sign() + $0[0] },
        GradientCase("exp", [2, 3]) { $0[0].exp() },
        GradientCase("log", [2, 3], in: 0.5..<2) { $0[0].log() },
        GradientCase("log1p", [2, 3], in: -0.5..<2) { $0[0].log1p() },
        GradientCase("squareRoot", [2, 3], in: 0.5..<2) { $0[0].squareRoot() },
        GradientCase("reciprocalSquareRoot", [2, 3], in: 0.5..<2) { $0[0].reciprocalSquareRoot() },
        GradientCase("squared", [2, 3]) { $0[0].squared() },
        GradientCase("reciprocal", [2, 3], in: 0.5..<2) { $0[0].reciprocal() },
        GradientCase("sin", [2, 3]) { $0[0].sin() },
        GradientCase("cos", [2, 3]) { $0[0].cos() },
        GradientCase("erf", [2, 3]) { $0[0].erf() },
        GradientCase("floor", [2, 3]) { $0[0].floor() + $0[0] },
        GradientCase("rounded", [2, 3]) { $0[0].rounded() + $0[0] },
        GradientCase("tanh", [2, 3]) { $0[0].tanh() },
        GradientCase("sigmoid", [2, 3]) { $0[0].sigmoid() },
        GradientCase("relu", [2, 3]) { $0[0].relu() },
        GradientCase("gelu", [2, 3], in: -3..<3) { $0[0].gelu() },
        GradientCase("silu", [2, 3], in: -3..<3) { $0[0].silu() },
        GradientCase("softplus", [2, 3], in: -3..<3) { $0[0].softplus() },
        GradientCase("pow 3", [2, 3]) { $0[0].pow(3) },
        GradientCase("pow -0.5", [2, 3], in: 0.5..<2) { $0[0].pow(-0.5) },
        GradientCase("clamped atLeast", [2, 3]) { $0[0].clamped(atLeast: 0.25) },
        GradientCase("clamped atMost", [2, 3]) { $0[0].clamped(atMost: 0.25) },
        GradientCase("exp of rank 0", []) { $0[0].exp() },
        GradientCase("exp of no elements", [0, 3]) { $0[0].exp() },
        GradientCase("exp of a transposed view", [2, 3, 2]) { $0[0].transposed(0, 2).exp() },
        GradientCase("tanh of a strided view", [4, 5]) { $0[0][.every(2), 1..<4].tanh() },
        GradientCase("softmax over the last axis", [2, 3]) { $0[0].softmax() },
        GradientCase("softmax over the first axis", [2, 3, 2]) { $0[0].softmax(axis: 0) },
        GradientCase("logSoftmax over the last axis", [2, 3]) { $0[0].logSoftmax() },
        GradientCase("logSoftmax over a middle axis", [2, 3, 2]) { $0[0].logSoftmax(axis: 1) },
        GradientCase("to float64 and back", [2, 3]) { $0[0].to(.float64).exp() },
        GradientCase("copy", [2, 3]) { $0[0].copy().exp() },
        GradientCase("contiguous", [2, 3]) { $0[0].transposed().contiguous().exp() },
    ]

    @Test(arguments: functions) func checkFunctions(_ item: GradientCase) { item.check() }

    static let arithmetic: [GradientCase] = [
        GradientCase("add", [2, 3], [2, 3]) { ($0[0] + $0[1]).exp() },
        GradientCase("add a row", [2, 3], [3]) { ($0[0] + $0[1]).exp() },
        GradientCase("subtract a column", [2, 3], [2, 1]) { ($0[0] - $0[1]).exp() },
        GradientCase("multiply", [2, 3], [2, 3]) { $0[0] * $0[1] },
        GradientCase("multiply by itself", [2, 3]) { $0[0] * $0[0] },
        GradientCase("multiply row and column", [1, 3], [2, 1]) { $0[0] * $0[1] },
        GradientCase("multiply by rank 0", [2, 2], []) { $0[0] * $0[1] },
        GradientCase("multiply with more axes", [3], [2, 2, 3]) { $0[0] * $0[1] },
        GradientCase("divide", [2, 3], [2, 3], in: 0.5..<2) { $0[0] / $0[1] },
        GradientCase("divide by a row", [2, 3], [3], in: 0.5..<2) { $0[0] / $0[1] },
        GradientCase("divide views", [3, 2], [2, 3], in: 0.5..<2) { $0[0].transposed() / $0[1] },
        GradientCase("pow", [2, 3], [3], in: 0.5..<2) { $0[0].pow($0[1]) },
        GradientCase("maximum", [2, 3], [3]) { Tensor.maximum($0[0], $0[1]) },
        GradientCase("minimum", [2, 3], [2, 1]) { Tensor.minimum($0[0], $0[1]) },
        GradientCase("select", [2, 3], [3]) { Tensor.select($0[0] .> 0, $0[0] * $0[0], $0[1]) },
        GradientCase("add a number", [2, 3]) { (2.5 + $0[0] + 1).exp() },
        GradientCase("subtract a number", [2, 3]) { ($0[0] - 0.5).exp() },
        GradientCase("subtract from a number", [2, 3]) { (0.5 - $0[0]).exp() },
        GradientCase("multiply by a number", [2, 3]) { (2.5 * $0[0] * 3).exp() },
        GradientCase("divide by a number", [2, 3]) { ($0[0] / 2.5).exp() },
        GradientCase("divide a number", [2, 3], in: 0.5..<2) { 2.5 / $0[0] },
        GradientCase("assign with an operator", [2, 3], [3], in: 0.5..<2) {
            var x = $0[0]
            x += $0[1]
            x *= $0[0]
            x -= $0[1].squared()
            x /= $0[1]
            x += 0.5
            x *= 2
            x -= 0.25
            x /= 3
            return x
        },
    ]

    @Test(arguments: arithmetic) func checkArithmetic(_ item: GradientCase) { item.check() }
}
