import Curvature
import Foundation
public import Torch

/// An average of the parameters over the steps, which often does better than the last ones (Polyak & Juditsky 1992).
///
/// ```swift
/// let average = ParameterAverage(model.namedParameters, rule: .exponential(decay: 0.999))
/// for batch in batches {
///     try optimizer.step { loss(batch) }
///     average.update()
/// }
/// let accuracy = average.withAverages { test(model) }
/// ```
public final class ParameterAverage {
    /// Which average it is.
    public enum Rule: Sendable, Hashable, Codable {
        /// A running average, ā ← ρ ā + (1 − ρ) θ from ā = 0, divided by 1 − ρᵗ, so that the start does not weigh in.
        case exponential(decay: Double)
        /// The plain mean of the parameters after all steps from `step` on, counted from 0; before, they themselves.
        case uniform(from: Int)
    }

    /// Which average it is.
    public let rule: Rule
    /// The number of updates.
    public private(set) var updateCount = 0
    /// The averages, with the parameters' names; until the first update, the parameters as they were given.
    public let averages: [NamedParameter]

    private let parameters: [NamedParameter]
    private var averagesAreIn = false

    /// Starts an average.
    ///
    /// - Parameters:
    ///   - parameters: What is averaged, each tensor once, under a name of its own; each average takes the memory of
    ///     its parameter.
    ///   - rule: Which average; a decay is at least 0 and less than 1.
    public init(_ parameters: [NamedParameter], rule: Rule) {
        rule.require(by: "ParameterAverage")
        parameters.requireDistinct(by: "ParameterAverage")
        self.parameters = parameters
        self.rule = rule
        averages = parameters.map { NamedParameter($0.name, $0.tensor.detached().copy()) }
    }

    /// Takes in the parameters as they are now: to be called after each step.
    public func update() {
        guard !averagesAreIn else { fatalError("ParameterAverage.update: called inside of withAverages") }
        updateCount.countOn()
        // An average that moves towards each value by its own fraction of all weights so far needs no correction.
        let weight: Double =
            switch rule {
            case .exponential(let decay): (1 - decay) / (1 - pow(decay, Double(updateCount)))
            case .uniform(let first): 1 / Double(max(1, updateCount - first))
            }
        withoutGradients {
            for (average, parameter) in zip(averages, parameters) {
                if weight == 1 {
                    average.tensor.assign(parameter.tensor)
                } else {
                    average.tensor.interpolate(inPlaceTowards: parameter.tensor, weight: weight)
                }
            }
        }
    }

    /// Runs `body` with the averages in the parameters' place, and puts the parameters back, bit for bit.
    ///
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; the parameters are put back then too.
    public func withAverages<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard !averagesAreIn else { fatalError("ParameterAverage.withAverages: called inside of itself") }
        let own = parameters.map { $0.tensor.detached().copy() }
        put(averages.map(\.tensor))
        averagesAreIn = true
        defer {
            averagesAreIn = false
            put(own)
        }
        return try body()
    }

    /// Stores the averages and their number of updates.
    public func save(to snapshot: inout Snapshot) {
        snapshot.set("updateCount", updateCount)
        snapshot.set("average", averages.map(\.tensor), of: averages)
    }

    /// Reads what ``save(to:)`` stored.
    public func restore(from reader: SnapshotReader) {
        reader.integer("updateCount") { self.updateCount = $0 }
        reader.tensors("average", into: averages.map(\.tensor), of: averages)
    }

    private func put(_ values: [Tensor]) {
        withoutGradients {
            for (parameter, value) in zip(parameters, values) { parameter.tensor.assign(value) }
        }
    }
}

extension ParameterAverage.Rule: CheckedSettings {
    package var defect: String? {
        switch self {
        case .exponential(let decay): SettingBounds.momentum.defect("the decay of the average", decay)
        case .uniform(let first): SettingBounds.averageStart.defect("the first step of the average", first)
        }
    }
}
