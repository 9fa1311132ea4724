/// The form of a run's file: comma-separated values, a header, a line for each point, in full precision.
///
/// Numbers are written as Swift does, whatever the language of the system; an empty field is a number that there is
/// not.
enum RunTable {
    static let header = "step,examples,seconds,cpu_seconds,loss,test_loss,test_error,test_accuracy"

    /// A point as a line, without its end.
    static func line(_ point: RunPoint) -> String {
        let optional = [point.loss, point.testLoss, point.testError, point.testAccuracy]
        let numbers = ["\(point.step)", "\(point.examples)", "\(point.seconds)", "\(point.cpuSeconds)"]
        return (numbers + optional.map { $0.map { "\($0)" } ?? "" }).joined(separator: ",")
    }

    /// Reads what was written.
    ///
    /// - Parameter steps: The number of steps of the run.
    /// - Throws: ``Fault`` where it is not such a file, or one that was cut off.
    static func points(_ text: String, steps: Int) throws(Fault) -> [RunPoint] {
        // A carriage return and a line feed are one character.
        var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
        guard lines.removeLast() == "" else { throw Fault(line: lines.count + 1, reason: "the line has no end") }
        guard lines.first == header else { throw Fault(line: 1, reason: "the header should be \(header)") }
        var points: [RunPoint] = []
        for (index, line) in lines.enumerated().dropFirst() {
            guard let point = point(line) else {
                throw Fault(line: index + 1, reason: "8 fields, numbers or empty, should be there")
            }
            let counts = [Double(point.step), Double(point.examples), point.seconds, point.cpuSeconds]
            guard counts.allSatisfy({ $0 >= 0 && $0.isFinite }), point.step <= steps else {
                throw Fault(
                    line: index + 1,
                    reason: "steps up to \(steps), examples and times, none negative or infinite, should be there")
            }
            if let last = points.last, point.step <= last.step || last.isFailure {
                throw Fault(line: index + 1, reason: "it should not come after the line before")
            }
            points.append(point)
        }
        guard let last = points.last, last.isFailure || last.step == steps else {
            throw Fault(line: lines.count, reason: "a line of step \(steps) should follow")
        }
        return points
    }

    /// Why a file cannot be read.
    struct Fault: Error, Hashable {
        var line: Int
        var reason: String
    }

    private static func point(_ line: String) -> RunPoint? {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count == 8, let step = Int(fields[0]), let examples = Int(fields[1]),
            let seconds = Double(fields[2]), let cpuSeconds = Double(fields[3])
        else { return nil }
        let rest = fields[4...].map { $0.isEmpty ? nil : Double($0) }
        guard zip(fields[4...], rest).allSatisfy({ $0.isEmpty || $1 != nil }) else { return nil }
        return RunPoint(
            step: step, examples: examples, seconds: seconds, cpuSeconds: cpuSeconds, loss: rest[0], testLoss: rest[1],
            testError: rest[2], testAccuracy: rest[3])
    }
}
