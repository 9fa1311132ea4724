import Foundation
import TestSupport
import Testing
import Torch

/// Data that an operation cannot work with are an error inside of ``checkingData(_:)``.
@Suite struct DataFaultTests {
    private let table = randomTensor([4, 3], seed: 1)

    @Test(arguments: [
        ([0, 3, 4, 1], 4, 1), ([2, -1, 0, 9], -1, 0), ([0, 1, 2, -7], -7, 1),
    ])
    func indicesOutOfTheVocabulary(_ indices: [Int], _ culprit: Int, _ example: Int) {
        let fault = #expect(throws: DataFault.self) {
            try checkingData { embedding(Tensor(indices, shape: [2, 2]), weight: table) }
        }
        #expect(
            fault
                == DataFault(
                    place: "embedding",
                    reason: "the index \(culprit) of example \(example) is not one of the weight's 4 rows",
                    example: example))
        #expect(fault?.description.hasPrefix("embedding: the index \(culprit) of example") == true)
    }

    /// The placeholder has the shape of the result, so that what follows goes on.
    @Test func theProgramGoesOnAfterAFault() throws {
        var shape: [Int] = []
        #expect(throws: DataFault.self) {
            try checkingData { shape = embedding(Tensor([7, 0], shape: [2, 1]), weight: table).tanh().shape }
        }
        #expect(shape == [2, 1, 3])
        let rows = try checkingData { embedding(Tensor([3, 0]), weight: table) }
        expectClose(rows, table.gathered(Tensor([3, 0])), absolute: 0)
    }

    @Test func aBatchOfOneInTraining() {
        let (mean, variance) = (Tensor.zeros([3]), Tensor.ones([3]))
        let fault = #expect(throws: DataFault.self) {
            try checkingData {
                batchNormalization(Tensor.ones([1, 3]), runningMean: mean, runningVariance: variance, training: true)
            }
        }
        #expect(
            fault?.description
                == "batchNormalization: training needs at least two elements for each channel, and the input has the "
                + "shape [1, 3]")
        // Nothing has entered the running averages.
        expectClose(mean, Tensor.zeros([3]), absolute: 0)
        expectClose(variance, Tensor.ones([3]), absolute: 0)
    }

    private struct Other: Error {}

    /// What is thrown because of a fault is not what went wrong.
    @Test func theFirstFaultIsThrown() {
        #expect(throws: DataFault(place: "a", reason: "first")) {
            try checkingData {
                DataFault(place: "a", reason: "first").report()
                DataFault(place: "b", reason: "second").report()
                throw Other()
            }
        }
        #expect(throws: Other.self) { try checkingData { throw Other() } }
    }

    @Test func innerCallsKeepTheirFaults() throws {
        #expect(!DataFault.areCollected)
        try checkingData {
            #expect(DataFault.areCollected)
            #expect(throws: DataFault.self) { try checkingData { DataFault(place: "a", reason: "b").report() } }
        }
        #expect(!DataFault.areCollected)
    }

    @Test func onlyTheCallingThreadIsLookedAt() throws {
        final class Answer: @unchecked Sendable { var value = true }
        let answer = Answer()
        try checkingData {
            let isDone = DispatchSemaphore(value: 0)
            Thread {
                answer.value = DataFault.areCollected
                isDone.signal()
            }.start()
            isDone.wait()
        }
        #expect(!answer.value)
    }

    @Test(arguments: [DType.uint8, .int32, .int64, .float32, .float64]) func valuesOutsideOfARange(_ dtype: DType) {
        func fault(_ values: [Double]) -> DataFault? {
            .outside(0...2, in: Tensor(values).to(dtype), place: "here", "the value", "is too large")
        }
        #expect(fault([0, 2, 1]) == nil)
        #expect(fault([]) == nil)
        let text = dtype.isFloatingPoint ? "3.0" : "3"
        #expect(
            fault([0, 2, 3])
                == DataFault(place: "here", reason: "the value \(text) of example 2 is too large", example: 2)
        )
        if dtype.isFloatingPoint {
            #expect(fault([0, .nan, 3])?.reason == "the value nan of example 1 is too large")
            #expect(fault([.infinity])?.example == 0)
        }
    }

    @Test func outsideOfAnyCheckFaultsStopTheProgram() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            DataFault(place: "here", reason: "something is wrong").report()
        }
        expectStandardError(result, "here: something is wrong")
    }
}
