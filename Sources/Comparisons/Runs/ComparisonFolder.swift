import Foundation
public import Reports
import Torch
public import Training

/// The folder of a comparison: its plan, the records of its runs, its report.
///
/// A run that is there need not be repeated.
///
/// ```
/// plan.json                     what is to be done
/// machines.json                 where it was done
/// choices.json                  the settings chosen by tuning
/// runs/METHOD/tune-K.csv        the records of a trial
/// runs/METHOD/seed-S.csv        the records of a final run
/// tuning.csv, summary.csv       what came of them
/// report.html                   the same, for people
/// ```
public final class ComparisonFolder {
    /// Where it is.
    public let path: String
    /// The plan.
    public let plan: ComparisonPlan
    /// Whether there was a comparison before.
    public let isContinued: Bool

    /// Whether the data of the comparison before are not known: an earlier version began it.
    public let isDataUnknown: Bool

    private let place: OwnedFolder

    /// Creates the folder with the plan in it, or opens one with the same plan.
    ///
    /// - Throws: ``ComparisonError`` where something else is there, ``/Training/RunFolderError`` where it cannot be
    ///   written.
    public convenience init(path: String, plan: ComparisonPlan) throws {
        do { try self.init(OwnedFolder(path: path), plan: plan) } catch RunFolderError.busy {
            throw ComparisonError.busy(path)
        }
    }

    /// Writes the plan into the folder, or continues in one with the same plan.
    ///
    /// - Throws: ``ComparisonError`` where something else is there, ``/Training/RunFolderError`` where it cannot be
    ///   written; what this made is removed then.
    public init(_ place: OwnedFolder, plan: ComparisonPlan) throws {
        self.place = place
        path = place.path
        self.plan = plan
        do {
            let stored = try Self.stored(in: place.path)
            isContinued = stored != nil
            isDataUnknown = stored.map { $0.subject.data == nil } ?? false
            if let stored { try Self.compare(stored, plan, place.path) }
            if stored == nil { try write(plan, to: "plan.json") }
            for method in plan.methods { _ = try OwnedFolder.make("\(path)/runs/\(method.label)") }
        } catch {
            place.removeWhatItMade()
            throw error
        }
    }

    /// The plan of the comparison in a folder; nil where there is none that can be read.
    public static func plan(in path: String) -> ComparisonPlan? { try? stored(in: path) }

    /// The plan that is there; nil where the folder is free for one.
    private static func stored(in path: String) throws -> ComparisonPlan? {
        let file = "\(path)/plan.json"
        guard let content = try contents(of: file) else {
            let others = ["config.json", "metrics.jsonl", "runs", "choices.json", "summary.csv", "report.html"]
            if let found = others.first(where: { FileManager.default.fileExists(atPath: "\(path)/\($0)") }) {
                throw ComparisonError.noPlan(path, found: found)
            }
            return nil
        }
        guard let stored = try? JSONDecoder().decode(ComparisonPlan.self, from: content) else {
            throw ComparisonError.planNotReadable(file)
        }
        return stored
    }

    private static func compare(_ stored: ComparisonPlan, _ plan: ComparisonPlan, _ path: String)
        throws(ComparisonError)
    {
        let (data, problem) = (plan.subject.data, plan.subject.problem)
        if let difference = DataFingerprint.difference(stored: stored.subject.data, current: data) {
            throw .otherData(path, problem: problem, difference: difference)
        }
        var plan = plan
        if stored.subject.data == nil { plan.subject.data = nil }
        if let difference = stored.difference(from: plan) { throw .otherPlan(path, difference: difference) }
    }

    /// Makes sure that the path still leads to this folder.
    ///
    /// - Throws: ``/Training/RunFolderError/moved(_:)``.
    func check() throws(RunFolderError) { try place.check() }

    /// The records of a run; nil where it was not done yet.
    ///
    /// - Throws: ``ComparisonError/recordNotReadable(_:line:reason:)``.
    public func record(of run: ComparisonRun) throws(ComparisonError) -> RunRecord? {
        let file = "\(path)/\(run.file)"
        guard let content = try Self.contents(of: file) else { return nil }
        do {
            let text = String(decoding: content, as: UTF8.self)
            return RunRecord(run: run, points: try RunTable.points(text, steps: run.steps))
        } catch {
            throw .recordNotReadable(file, line: error.line, reason: error.reason)
        }
    }

    /// The file for the records of a run that begins.
    func file(for run: ComparisonRun) throws(RunFolderError) -> RunFile {
        try RunFile(path: "\(path)/\(run.file)")
    }

    /// The settings that final runs were made with, by method.
    func choices() throws(ComparisonError) -> [String: [Setting]] {
        let file = "\(path)/choices.json"
        guard let content = try Self.contents(of: file) else { return [:] }
        guard let choices = try? JSONDecoder().decode([String: [Setting]].self, from: content) else {
            throw .recordNotReadable(file, line: 1, reason: "settings by method should be there")
        }
        return choices
    }

    /// Notes with which settings a method's final runs are made.
    ///
    /// - Throws: ``ComparisonError/otherChoice(_:method:chosen:used:)`` where some were made with others.
    func note(choice: [Setting], of method: String) throws {
        var choices = try choices()
        if let used = choices[method] {
            guard used != choice else { return }
            throw ComparisonError.otherChoice(
                "\(path)/choices.json", method: method, chosen: choice.line, used: used.line)
        }
        choices[method] = choice
        try write(choices, to: "choices.json")
    }

    /// The machines that runs were done on, in the order in which they came.
    ///
    /// - Throws: ``ComparisonError`` where the note of them cannot be read.
    public func machines() throws(ComparisonError) -> [MachineDescription] {
        let file = "\(path)/machines.json"
        guard let content = try Self.contents(of: file) else { return [] }
        guard let machines = try? JSONDecoder().decode([MachineDescription].self, from: content) else {
            throw .machinesNotReadable(file)
        }
        return machines
    }

    /// Notes that runs are done on a machine.
    func note(_ machine: MachineDescription) throws {
        var machines = try machines()
        guard !machines.contains(machine) else { return }
        machines.append(machine)
        try write(machines, to: "machines.json")
    }

    /// Writes a file, whole or not at all.
    func write(_ text: String, to name: String) throws(RunFolderError) {
        let file = "\(path)/\(name)"
        do { try OutputFile.replace(file, with: Data(text.utf8)) } catch {
            throw .notWritable(file, reason: error.reason)
        }
    }

    /// The content of a file; nil where there is none.
    private static func contents(of file: String) throws(ComparisonError) -> Data? {
        do { return try InputFile.contents(of: file, limit: mostBytes).map { Data($0) } } catch {
            throw .unreadable(file, reason: error.reason)
        }
    }

    /// A run of a million tests has a file of a tenth of that.
    private static let mostBytes = 1 << 30

    private func write(_ value: some Encodable, to name: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try write(String(decoding: encoder.encode(value), as: UTF8.self) + "\n", to: name)
    }
}
