import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The helpers of TensorFlow 1.7's K-FAC.
@Suite struct UtilityGoldenTests {
    static let group = "seed17_utils"
    static let schedules = GoldenGroup.caseNames(group) { $0.hasPrefix("batch_execute") }

    @Test func allCasesAreThere() {
        #expect(GoldenGroup.caseNames(Self.group).count == 4)
        #expect(Self.schedules.count == 3)
    }

    @Test(arguments: schedules) func roundRobin(_ name: String) throws {
        let ledger = try GoldenLedger(group: Self.group, case: name)
        let ran = try ledger.take("ran")
        let numbers = name.split { !$0.isNumber }.compactMap { Int($0) }
        let schedule = RoundRobin(count: numbers[0], perStep: numbers[1])
        #expect(ran.shape[1] == schedule.count)
        for step in 0..<ran.shape[0] {
            let expected = ran[step].array(of: Int.self).enumerated().filter { $0.element == 1 }.map(\.offset)
            #expect(schedule.updates(atStep: step) == expected)
        }
        ledger.countComparison(of: "ran")
        ledger.expectNothingLeft()
    }

    /// The matrix is damped by 0.3, rounded to single precision.
    @Test func inversesOfAPositiveDefiniteMatrix() throws {
        let ledger = try GoldenLedger(group: Self.group, case: "posdef_inv")
        let matrix = DenseOperator(try ledger.take("matrix"))
        let damping = Double(Float(0.3))
        let damped = try matrix.damped(by: damping)
        try ledger.expectInverse(damped.inverse().dense(), "inverse_cholesky")
        try ledger.expectInverse(damped.dense().inverse(), "inverse_matrix_inverse")
        let eigen = try EigenOperator(diagonalizing: matrix).damped(by: damping)
        try ledger.expectInverse(eigen.inverse().dense(), "inverse_eig")
        ledger.expectNothingLeft()
        #expect(ledger.comparedCount == 3)
    }
}
