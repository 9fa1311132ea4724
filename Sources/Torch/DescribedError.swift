public import Foundation

/// An error that tells people in one sentence what was wrong, where, what was expected, and what to do.
///
/// The sentence is its `description`, and its `localizedDescription`, too, which apps show.
public protocol DescribedError: LocalizedError, CustomStringConvertible {}

extension DescribedError {
    public var errorDescription: String? { description }
    // The sentence says it all. Foundation's own defaults are not seen in files that do not import it.
    public var failureReason: String? { nil }
    public var recoverySuggestion: String? { nil }
    public var helpAnchor: String? { nil }
}
