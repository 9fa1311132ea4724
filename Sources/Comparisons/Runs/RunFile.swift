import Foundation
import Torch
import Training

/// The file of a run in progress: it gets its name when the run is over, so that a name means a whole run.
final class RunFile {
    private let path: String
    private let file: FileHandle

    private var partialPath: String { "\(path).partial" }

    /// Creates the file, with its header, over what an earlier attempt left behind.
    init(path: String) throws(RunFolderError) {
        self.path = path
        // Whatever is there, a pipe for one: nothing is written into it.
        let isFree = unlink("\(path).partial") == 0 || errno == ENOENT
        let descriptor = isFree ? open("\(path).partial", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) : -1
        guard descriptor >= 0 else { throw .notWritable(path, reason: String(cString: strerror(errno))) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try write(RunTable.header)
    }

    /// Adds a point; it can be read at once.
    ///
    /// - Throws: ``/Training/RunFolderError`` where it cannot be written, or the file is not at its path any more.
    func append(_ point: RunPoint) throws(RunFolderError) {
        guard OwnedFolder.isAt(partialPath, file.fileDescriptor) else { throw .moved(path) }
        try write(RunTable.line(point))
    }

    /// Gives the file its name.
    func finish() throws(RunFolderError) {
        guard fsync(file.fileDescriptor) == 0, rename(partialPath, path) == 0 else {
            throw .notWritable(path, reason: String(cString: strerror(errno)))
        }
    }

    /// Removes the file, where it is not another one by now.
    func discard() { if OwnedFolder.isAt(partialPath, file.fileDescriptor) { unlink(partialPath) } }

    private func write(_ line: String) throws(RunFolderError) {
        guard OutputFile.write(Data("\(line)\n".utf8), to: file.fileDescriptor) else {
            throw .notWritable(path, reason: "a line could not be added: \(String(cString: strerror(errno)))")
        }
    }
}

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
