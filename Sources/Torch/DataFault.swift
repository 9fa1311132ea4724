import Foundation

/// Something in the data that an operation cannot work with, such as a label out of range.
///
/// Whether data are good is known only when they are used, so an operation that meets a fault does not stop the program
/// inside of ``checkingData(_:)``: it reports the fault, goes on with a harmless placeholder, and the fault is thrown
/// at the end. Optimisers run their closures so. Outside, a fault stops the program.
public struct DataFault: DescribedError, Sendable, Hashable {
    /// The operation, layer or distribution that found it.
    public let place: String
    /// The fault, as a clause.
    public let reason: String
    /// The number in the batch of the first example that it is about, if that is known.
    public let example: Int?

    /// Creates the record of a fault.
    public init(place: String, reason: String, example: Int? = nil) {
        self.place = place
        self.reason = reason
        self.example = example
    }

    /// The place, and what is wrong there.
    public var description: String { "\(place): \(reason)" }

    /// Whether the calling thread is inside of ``checkingData(_:)``: only there operations look for faults that cost
    /// something to find.
    public static var areCollected: Bool { Recorder.current?.belongsToThisThread ?? false }

    /// Reports this fault to the innermost ``checkingData(_:)``; outside of any, stops the program.
    ///
    /// Who reports goes on with a result of the right shape, whatever is in it.
    public func report() {
        guard let recorder = Recorder.current, recorder.belongsToThisThread else { fatalError(description) }
        if recorder.first == nil { recorder.first = self }
    }

    /// The fault of the first element that lies outside of a range or is NaN; nil if there is none.
    ///
    /// Costs two reductions and a wait for the device.
    ///
    /// - Parameters:
    ///   - values: [batch, ...].
    ///   - range: What is allowed.
    ///   - place: What needs the values.
    ///   - name: What a value is called, such as "the label".
    ///   - complaint: What is said of a value outside, such as "is not one of the 10 classes".
    public static func outside(
        _ range: ClosedRange<Double>, in values: Tensor, place: String, _ name: String, _ complaint: String
    ) -> DataFault? {
        guard values.count > 0 else { return nil }
        return withoutGradients {
            // Where an element is NaN, so are both.
            let (least, greatest) = (values.min().scalar, values.max().scalar)
            if least >= range.lowerBound, greatest <= range.upperBound { return nil }
            let isOutside = .!((values .>= range.lowerBound) .& (values .<= range.upperBound))
            let position = Int(isOutside.flattened().to(.int32).argmax().scalar)
            let value = values.flattened()[position].scalar
            let text = values.dtype.isFloatingPoint ? "\(value)" : "\(Int(value))"
            guard values.rank > 0 else { return DataFault(place: place, reason: "\(name) \(text) \(complaint)") }
            let example = position / (values.count / values.shape[0])
            return DataFault(
                place: place, reason: "\(name) \(text) of example \(example) \(complaint)", example: example)
        }
    }

    /// Collects the first fault.
    ///
    /// Confined to the thread that opened it, although a task-local value must be sendable.
    fileprivate final class Recorder: @unchecked Sendable {
        @TaskLocal static var current: Recorder?

        var first: DataFault?

        private let thread = pthread_self()

        /// A task that `body` starts inherits the recorder, but runs elsewhere.
        var belongsToThisThread: Bool { pthread_equal(thread, pthread_self()) != 0 }
    }
}

/// Runs `body` so that faults of its data are thrown instead of stopping the program.
///
/// ```swift
/// let predictions = try checkingData { model(tokens) }
/// ```
///
/// Only operations on the calling thread are looked at. An inner call keeps its faults for itself. Where this throws,
/// running statistics that ``batchNormalization(_:runningMean:runningVariance:training:momentum:epsilon:)`` has moved
/// are as before.
///
/// - Throws: The first ``DataFault``, even if `body` throws after it; otherwise what `body` throws.
public func checkingData<Result>(_ body: () throws -> Result) throws -> Result {
    try restoringRunningStatistics {
        let recorder = DataFault.Recorder()
        let outcome = Swift.Result { try DataFault.Recorder.$current.withValue(recorder, operation: body) }
        if let fault = recorder.first { throw fault }
        return try outcome.get()
    }
}
