import TestSupport
import Testing
import Torch

@Suite("A number takes the tensor's type")
struct NumberRuleTests {
    static let operations: [(String, @Sendable (Tensor) -> Tensor)] = [
        ("+", { $0 + 1 }), ("1 +", { 1 + $0 }), ("*", { $0 * 1 }), ("1 *", { 1 * $0 }),
        ("pow", { $0.pow(1) }), ("atLeast", { $0.clamped(atLeast: 1) }), ("atMost", { $0.clamped(atMost: 1) }),
    ]

    @Test(arguments: operations, [DType.float32, .float64, .int64, .int32, .uint8])
    func typeStays(_ operation: (String, @Sendable (Tensor) -> Tensor), _ dtype: DType) {
        #expect(operation.1(Tensor.ones([2], dtype: dtype)).dtype == dtype, "\(operation.0)")
        #expect(operation.1(Tensor.ones([], dtype: dtype)).dtype == dtype, "\(operation.0) of rank 0")
    }

    @Test func truthValuesStayTruthValues() {
        let x = Tensor([true, false])
        #expect((x * 1).dtype == .bool && (x + 1).dtype == .bool)
        #expect((x .== 1).array() == [true, false])
    }

    @Test func operatorsThatAssignKeepTheType() {
        var x = Tensor([Int32(7)])
        x += 3
        x -= 4
        x *= 2
        #expect(x.dtype == .int32 && x.array() == [Int32(12)])
        #expect((Tensor([UInt8(3)]) - 2).array() == [UInt8(1)])
        #expect((5 - Tensor([UInt8(3)])).array() == [UInt8(2)])
    }

    @Test func quotientsOfIntegersAreFloat32() {
        for quotient in [Tensor([7, 1]) / 2, Tensor([7, 1]) / Tensor([2, 2])] {
            #expect(quotient.dtype == .float32)
            #expect(quotient.array() == [Float(3.5), 0.5])
        }
        #expect((Tensor([UInt8(51)]) / 25.5).array() == [Float(2)])
        #expect((1 / Tensor([4])).array() == [Float(0.25)])
    }

    @Test func tensorsOfTwoTypesTakeTheWiderOne() {
        #expect((Tensor([Float(1)]) + Tensor([1.0])).dtype == .float64)
        #expect((Tensor([Int32(1)]) + Tensor([1])).dtype == .int64)
        #expect((Tensor([1]) * Tensor([Float(1)])).dtype == .float32)
    }

    @Test func numbersOutsideTheTypeTrap() async {
        await #expect(processExitsWith: .success) {
            expectTrap("multiply(int64[3])", "the number 2.5 is not one of the tensor's type, int64") {
                _ = Tensor([1, 2, 3]) * 2.5
            }
            expectTrap("less(uint8[1])", "the number 300 is not one of the tensor's type, uint8") {
                print(Tensor([UInt8(1)]) .< 300)
            }
        }
    }
}
