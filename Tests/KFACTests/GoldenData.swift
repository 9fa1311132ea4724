import Foundation
import Testing
import Torch

/// Values that the original systems produced, unmodified: tensors `CASE/NAME` and the settings of each case.
struct GoldenGroup: Sendable {
    private let tensors: [String: Tensor]
    private let cases: [String: Data]

    /// Loads a group of the folder `Golden`.
    init(_ name: String) throws {
        func file(_ kind: String) throws -> URL {
            try #require(Bundle.module.url(forResource: "Golden/\(name)", withExtension: kind))
        }
        tensors = try Safetensors(contentsOf: file("safetensors")).tensors
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file("json"))) as? [String: Any]
        let all = try #require(json?["cases"] as? [String: Any])
        cases = try all.mapValues { try JSONSerialization.data(withJSONObject: $0) }
    }

    /// The names of the cases in a group, for parameterised tests.
    static func caseNames(_ group: String, where isIncluded: (String) -> Bool = { _ in true }) -> [String] {
        guard let group = try? GoldenGroup(group) else { return [] }
        return group.cases.keys.filter(isIncluded).sorted()
    }

    /// One case.
    func `case`(_ name: String) throws -> GoldenCase {
        let json = try JSONSerialization.jsonObject(with: #require(cases[name])) as? [String: Any]
        let prefix = "\(name)/"
        let own = tensors.filter { $0.key.hasPrefix(prefix) }
        return GoldenCase(
            settings: try #require(json?["meta"] as? [String: Any]),
            tensors: Dictionary(uniqueKeysWithValues: own.map { (String($0.key.dropFirst(prefix.count)), $0.value) }))
    }
}

/// One case of a group.
struct GoldenCase {
    let settings: [String: Any]
    let tensors: [String: Tensor]

    /// A tensor that must be there.
    subscript(name: String) -> Tensor {
        get throws { try #require(tensors[name], "the case has no tensor '\(name)'") }
    }

    /// Numbers among the settings.
    func numbers(_ name: String) throws -> [Double] {
        try #require(settings[name] as? [NSNumber]).map(\.doubleValue)
    }

    /// A number among the settings.
    func number(_ name: String) throws -> Double { try #require(settings[name] as? NSNumber).doubleValue }

    /// The step's sources [batch, height, width, channels], as [batch, channels, height, width].
    func sources(step: Int) -> [Tensor] {
        (0...).lazy.map { tensors["step\(step)_source\($0)"] }.prefix { $0 != nil }.map { $0!.permuted(0, 3, 1, 2) }
    }

    /// The number of steps.
    var stepCount: Int { (0...).first { tensors["step\($0)_source0"] == nil }! }
}

/// The tolerances at which the originals, which round some numbers to single precision, can be compared.
enum GoldenTolerance {
    static func statistics(_ dtype: DType) -> Double { dtype == .float64 ? 1e-6 : 2e-4 }
    static func inverses(_ dtype: DType) -> Double { dtype == .float64 ? 1e-6 : 2e-3 }
}
