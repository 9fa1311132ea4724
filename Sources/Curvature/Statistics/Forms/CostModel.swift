import Foundation
import Torch

/// The time of matrix products of small shapes and of copies on a machine, from which the time of each form of a
/// convolution's statistics is estimated.
///
/// The time is (operations / rate of their shape + bytes / bandwidth) / threads; the rates are those of one thread.
public struct CostModel: Sendable, Hashable, Codable {
    /// The numbers of rows and of columns at which rates are known.
    static let rows = [1, 4, 8, 16, 32, 64, 128]
    static let columns = [4, 16, 48, 96, 192, 384]

    /// Operations a second of products, by rows and columns.
    public var rates: [[Double]]
    /// Bytes a second that one thread copies while it changes their order.
    public var copyRate: Double

    /// Creates a model from rates at 1, 4, 8, 16, 32, 64 and 128 rows by 4, 16, 48, 96, 192 and 384 columns.
    public init(rates: [[Double]], copyRate: Double) {
        guard rates.count == Self.rows.count, rates.allSatisfy({ $0.count == Self.columns.count }) else {
            fatalError("CostModel: rates of \(rates.map(\.count)) columns, \(Self.rows.count) rows of 6 are needed")
        }
        self.rates = rates
        self.copyRate = copyRate
    }

    /// The rates of one server core with 512-bit vectors: choices by them are the same on every machine and in every
    /// run.
    public static let nominal = CostModel(
        rates: [
            [1, 3, 6, 8, 10, 10], [10, 26, 42, 52, 56, 58], [14, 40, 64, 68, 70, 72], [28, 53, 82, 79, 79, 79],
            [34, 64, 78, 81, 79, 80], [36, 64, 76, 80, 82, 82], [36, 66, 78, 80, 82, 84],
        ].map { $0.map { $0 * 1e9 } }, copyRate: 5e9)

    /// Measured on this machine when first asked for, in about 50 milliseconds, and kept while the process lives.
    ///
    /// Another run may choose otherwise if two forms are about as fast, and then differs in the last bits.
    public static let measured = CostModel.measure()

    /// Measures this machine.
    public static func measure() -> CostModel {
        guard LineProducts.canRun(on: .cpu) else { return nominal }
        let rates = rows.map { rows in columns.map { LineProducts.rate(rows: rows, columns: $0) } }
        return CostModel(rates: rates, copyRate: nominal.copyRate)
    }

    /// Operations a second of a product of this shape on one thread, between the known ones.
    public func rate(rows: Int, columns: Int) -> Double {
        let (row, up) = Self.place(rows, in: Self.rows)
        let (column, right) = Self.place(columns, in: Self.columns)
        func known(_ i: Int, _ j: Int) -> Double { log(rates[i][j]) }
        let lower = known(row, column) * (1 - right) + known(row, column + 1) * right
        let upper = known(row + 1, column) * (1 - right) + known(row + 1, column + 1) * right
        return exp(lower * (1 - up) + upper * up)
    }

    /// The known number below one, and how far it is from there to the next, on a logarithmic scale.
    private static func place(_ number: Int, in known: [Int]) -> (index: Int, fraction: Double) {
        let clamped = min(max(number, known[0]), known[known.count - 1])
        let index = min(known.lastIndex { $0 <= clamped } ?? 0, known.count - 2)
        let fraction =
            log(Double(clamped) / Double(known[index])) / log(Double(known[index + 1]) / Double(known[index]))
        return (index, fraction)
    }
}
