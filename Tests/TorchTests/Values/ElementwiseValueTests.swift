import Foundation
import TestSupport
import Testing
import Torch

@Suite("Values of functions of each element")
struct ElementwiseValueTests {
    struct Function: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let tensor: @Sendable (Tensor) -> Tensor
        let number: @Sendable (Double) -> Double

        init(
            _ name: String, _ tensor: @escaping @Sendable (Tensor) -> Tensor,
            _ number: @escaping @Sendable (Double) -> Double
        ) {
            testDescription = name
            self.tensor = tensor
            self.number = number
        }
    }

    static let functions: [Function] = [
        Function("negate", { -$0 }, { -$0 }),
        Function("abs", { $0.abs() }, { $0.magnitude }),
        Function("sign", { $0.sign() }, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }),
        Function("exp", { $0.exp() }, { Foundation.exp($0) }),
        Function("log", { $0.log() }, { Foundation.log($0) }),
        Function("log1p", { $0.log1p() }, { Foundation.log1p($0) }),
        Function("squareRoot", { $0.squareRoot() }, { $0.squareRoot() }),
        Function("reciprocalSquareRoot", { $0.reciprocalSquareRoot() }, { 1 / $0.squareRoot() }),
        Function("squared", { $0.squared() }, { $0 * $0 }),
        Function("reciprocal", { $0.reciprocal() }, { 1 / $0 }),
        Function("sin", { $0.sin() }, { Foundation.sin($0) }),
        Function("cos", { $0.cos() }, { Foundation.cos($0) }),
        Function("erf", { $0.erf() }, { Foundation.erf($0) }),
        Function("floor", { $0.floor() }, { $0.rounded(.down) }),
        Function("rounded", { $0.rounded() }, { $0.rounded(.toNearestOrEven) }),
        Function("tanh", { $0.tanh() }, { Foundation.tanh($0) }),
        Function("sigmoid", { $0.sigmoid() }, { 1 / (1 + Foundation.exp(-$0)) }),
        Function("relu", { $0.relu() }, { max($0, 0) }),
        Function("gelu", { $0.gelu() }, { $0 * 0.5 * (1 + Foundation.erf($0 / 2.0.squareRoot())) }),
        Function("silu", { $0.silu() }, { $0 / (1 + Foundation.exp(-$0)) }),
        Function("softplus", { $0.softplus() }, { max($0, 0) + Foundation.log1p(Foundation.exp(-$0.magnitude)) }),
        Function("pow 3", { $0.pow(3) }, { $0 * $0 * $0 }),
        Function("clamped atLeast", { $0.clamped(atLeast: 0.5) }, { max($0, 0.5) }),
        Function("clamped atMost", { $0.clamped(atMost: 0.5) }, { min($0, 0.5) }),
        Function("add a number", { 1.5 + $0 + 1 }, { $0 + 2.5 }),
        Function("subtract numbers", { 1.5 - ($0 - 2) }, { 3.5 - $0 }),
        Function("multiply by numbers", { 1.5 * $0 * 2 }, { $0 * 3 }),
        Function("divide by a number", { $0 / 3 }, { $0 / 3 }),
        Function("divide a number", { 3 / $0 }, { 3 / $0 }),
    ]

    @Test(arguments: functions, [DType.float32, .float64])
    func agreesWithSwift(_ function: Function, dtype: DType) {
        let values = [-2.5, -1.5, -0.75, -0.25, 0.25, 0.5, 0.5001, 1, 1.5, 2.5, 20]
        let x = Tensor(values).to(dtype)
        let result = function.tensor(x)
        #expect(result.dtype == dtype)
        // Roots and logarithms of negative numbers are NaN on both sides.
        let expected = values.map(function.number)
        #expect(result.array(of: Double.self).map(\.isNaN) == expected.map(\.isNaN))
        let pairs = zip(result.array(of: Double.self), expected).filter { !$1.isNaN }
        expectClose(
            Tensor(pairs.map(\.0)), Tensor(pairs.map(\.1)), relative: dtype == .float32 ? 1e-5 : 1e-12, absolute: 1e-7)
    }

    static let comparisons: [(String, @Sendable (Tensor, Tensor) -> Tensor, [Bool])] = [
        (".==", { $0 .== $1 }, [false, true, false]),
        (".!=", { $0 .!= $1 }, [true, false, true]),
        (".<", { $0 .< $1 }, [true, false, false]),
        (".<=", { $0 .<= $1 }, [true, true, false]),
        (".>", { $0 .> $1 }, [false, false, true]),
        (".>=", { $0 .>= $1 }, [false, true, true]),
        (".== number", { x, _ in x .== 2 }, [false, true, false]),
        (".!= number", { x, _ in x .!= 2 }, [true, false, true]),
        (".< number", { x, _ in x .< 2 }, [true, false, false]),
        (".<= number", { x, _ in x .<= 2 }, [true, true, false]),
        (".> number", { x, _ in x .> 2 }, [false, false, true]),
        (".>= number", { x, _ in x .>= 2 }, [false, true, true]),
        (".&", { ($0 .>= $1) .& ($0 .<= $1) }, [false, true, false]),
        (".|", { ($0 .< $1) .| ($0 .> $1) }, [true, false, true]),
        (".!", { .!($0 .< $1) }, [false, true, true]),
    ]

    @Test(arguments: comparisons)
    func comparisonGivesTruthValues(
        _ name: String, _ compare: @Sendable (Tensor, Tensor) -> Tensor, _ expected: [Bool]
    ) {
        for dtype in [DType.float32, .float64, .int64, .int32, .uint8] {
            let result = compare(Tensor([1, 2, 3]).to(dtype), Tensor([2, 2, 2]).to(dtype))
            #expect(result.dtype == .bool)
            #expect(result.array() == expected, "\(name) of \(dtype)")
        }
    }

    @Test func finiteElementsAreTold() {
        #expect(Tensor([1.0, .nan, .infinity, -.infinity]).isFinite().array() == [true, false, false, false])
        #expect(Tensor([1, 2]).isFinite().array() == [true, true])
    }

    @Test func selectionTakesFromEither() {
        let chosen = Tensor.select(Tensor([true, false, true]), Tensor([1.0, 2, 3]), Tensor(-1.0))
        #expect(chosen.array() == [1.0, -1, 3])
        #expect(Tensor.maximum(Tensor([1, 5]), Tensor([2, 3])).array() == [2, 5])
        #expect(Tensor.minimum(Tensor([1, 5]), Tensor([2, 3])).array() == [1, 3])
    }

    @Test func operandsBroadcast() {
        let column = Tensor([1.0, 2], shape: [2, 1])
        let row = Tensor([10.0, 20, 30])
        #expect((column + row).array() == [11.0, 21, 31, 12, 22, 32])
        #expect((row - column).array() == [9.0, 19, 29, 8, 18, 28])
        #expect((row * column).shape == [2, 3])
        #expect((Tensor.zeros([0, 3]) + Tensor.zeros([3])).shape == [0, 3])
        #expect(row.pow(Tensor([0.0, 1, 2])).array() == [1.0, 20, 900])
    }

    @Test func extremeArgumentsStayFinite() {
        let x = Tensor([-1000.0, 0, 1000])
        #expect(x.sigmoid().array() == [0.0, 0.5, 1])
        #expect(x.softplus().array()[2] == 1000.0)
        #expect(x.softmax().array() == [0.0, 0, 1])
        #expect(x.logSoftmax().array() == [-2000.0, -1000, 0])
        #expect(x.logSumExp().scalar == 1000)
    }
}
