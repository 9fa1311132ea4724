import Benchmarking
import Comparisons
import Foundation
import Torch

extension FuzzTarget {
    /// The texts of the command line that are parsed by more than ArgumentParser.
    static let names = FuzzTarget("names", executions: 1000, isText: true, refusals: [UnknownName.self]) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        var isKnown = ComparisonMethod.isValid(label: text)
        isKnown = try check(text, as: Device.self) || isKnown
        isKnown = try check(text, as: BenchmarkCase.self) || isKnown
        isKnown = try check(text, as: BenchmarkNetwork.self) || isKnown
        isKnown = try check(text, as: ComparisonTarget.self) || isKnown
        isKnown = try check(text, as: SearchRange.self) || isKnown
        if let range = SearchRange(text) { try checkTrials(of: range) }
        _ = try? BenchmarkCase.standard.matching([text])
        guard isKnown else { throw UnknownName() }
    }

    /// What is parsed is written as something that is parsed to the same.
    private static func check<Name: LosslessStringConvertible & Equatable>(
        _ text: String, as type: Name.Type
    ) throws -> Bool {
        guard let name = Name(text) else { return false }
        try require(Name(name.description) == name, "\(type): '\(text)' is written as '\(name)'")
        return true
    }

    /// What is tried out of a range lies in it.
    private static func checkTrials(of range: SearchRange) throws {
        let method = ComparisonMethod("m", optimizer: "o", options: [.init("x", range)])
        for trial in 0..<5 {
            let value = method.settings(ofTrial: trial, outOf: 5)[0].value
            guard case .logUniform(let low, let high) = range else { continue }
            let number = Double(value) ?? .nan
            // Values are rounded to three digits, which are all that numbers near the least one have.
            let tolerance = 0.006 * high + .leastNonzeroMagnitude
            try require(
                number.isFinite && number > 0 && number >= low * 0.99 && number <= high + tolerance,
                "\(value) is tried out of \(range)")
        }
    }
}

/// Nothing has such a name.
private struct UnknownName: Error, CustomStringConvertible {
    var description: String { "nothing is called like that text" }
}
