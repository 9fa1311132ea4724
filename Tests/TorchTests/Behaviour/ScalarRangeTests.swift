import Testing
import Torch

/// Numbers that an element type does not reach: they round to infinity there, as in arithmetic.
@Suite struct ScalarRangeTests {
    @Test(arguments: [DType.float32, .bfloat16], [1e300, -1e300]) func numbersBeyondTheType(
        dtype: DType, number: Double
    ) {
        func element(_ make: (Tensor) -> Tensor) -> Double {
            make(Tensor.ones([1], dtype: dtype)).to(.float64).scalar
        }
        func written(_ write: (Tensor) -> Void) -> Double {
            element { tensor in
                write(tensor)
                return tensor
            }
        }
        let (one, infinity) = (Tensor.ones([1], dtype: dtype), number * .infinity)
        let results = [
            written { $0.add(inPlace: one, scale: number) }, written { $0.add(inPlace: number) },
            written { $0.multiply(inPlace: number) }, written { $0.fill(number) },
            written { $0.add(inPlaceProductOf: one, one, scale: number) },
            written { $0.add(inPlaceQuotientOf: one, one, scale: number) }, element { $0 + number },
            element { $0 * number }, element { _ in Tensor.full([1], number, dtype: dtype) },
        ]
        #expect(results == Array(repeating: infinity, count: results.count))
        #expect(element { $0 - number } == -infinity)
        #expect(element { $0 / number } == 0)
        #expect(element { number > 0 ? $0.clamped(atLeast: number) : $0.clamped(atMost: number) } == infinity)
    }
}
