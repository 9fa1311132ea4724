import Foundation
import TestSupport
import Testing
import Torch

@testable import Comparisons
@testable import Reports
@testable import Training

@Suite struct ComparisonFolderTests {
    let folder = TemporaryFolder()

    private func open(_ plan: ComparisonPlan = .points(), _ name: String = "a") throws -> ComparisonFolder {
        try ComparisonFolder(path: folder(name), plan: plan)
    }

    private func expectError(
        _ message: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) {
        let error = #expect(throws: (any Error).self, sourceLocation: sourceLocation) { try body() }
        #expect(error.map { "\($0)" } == message, sourceLocation: sourceLocation)
    }

    @Test func anotherPlanIsRefused() throws {
        #expect(try !open().isContinued)
        var plan = ComparisonPlan.points()
        plan.seeds = [1]
        expectError(
            "\(folder("a")) holds a comparison of another plan (seeds: 1, 2, 3 there, 1 now): continue it with the "
                + "options it was begun with, or give another folder for the output"
        ) { _ = try open(plan) }
        #expect(try open().isContinued)
    }

    @Test func twoProcessesDoNotShareAFolder() throws {
        let first = try open()
        expectError(
            "another comparison is at work in \(first.path): wait for its end, or give another folder for the output"
        ) { _ = try open() }
    }

    /// The same examples in another order are other data; a plan of an earlier version tells nothing of them.
    @Test func otherDataAreRefused() throws {
        var plan = ComparisonPlan.points()
        plan.subject.data = ["labels": String(repeating: "1", count: 64)]
        #expect(try !open(plan).isDataUnknown)
        #expect(try !open(plan).isDataUnknown)
        var other = plan
        other.subject.data = ["labels": String(repeating: "2", count: 64)]
        expectError(
            "the data of points are not those of the comparison in \(folder("a")): labels is 1111111111111111 there "
                + "and 2222222222222222 here: continue with the original data, or give another folder for the output"
        ) { _ = try open(other) }
        plan.subject.data = nil
        #expect(try !open(plan, "old").isContinued)
        let continued = try open(other, "old")
        #expect(continued.isContinued && continued.isDataUnknown)
    }

    /// What is written of a run after its folder was moved would be lost, or another comparison's.
    @Test func aFolderThatIsMovedIsNoticed() throws {
        let opened = try open()
        let (place, other) = (folder("a"), folder("moved"))
        #expect(throws: RunFolderError.self) {
            try PointsMaker().comparison(.points()).run(in: opened) { event in
                guard case .runStart(_, number: 2, _) = event else { return }
                try? FileManager.default.moveItem(atPath: place, toPath: other)
            }
        }
        #expect(folder.names == ["moved"])
    }

    @Test(arguments: ["config.json", "metrics.jsonl", "report.html"])
    func aFolderOfSomethingElseIsRefused(name: String) throws {
        try FileManager.default.createDirectory(atPath: folder("a"), withIntermediateDirectories: false)
        try folder.write([], to: "a/\(name)")
        expectError(
            "\(folder("a")) holds \(name), but no comparison to continue: give another folder for the output"
        ) { _ = try open() }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("a")) == [name])
    }

    @Test func aBrokenPlanIsTold() throws {
        try FileManager.default.createDirectory(atPath: folder("a"), withIntermediateDirectories: false)
        try folder.write(Array("{".utf8), to: "a/plan.json")
        expectError(
            "\(folder("a"))/plan.json is not the plan of a comparison of this version: give another folder for the output"
        ) { _ = try open() }
    }

    @Test func aPlaceThatCannotBeWrittenIsTold() throws {
        try folder.write([], to: "file")
        expectError(
            "\(folder("file"))/run cannot be written: Not a directory: give another folder for the output"
        ) { _ = try open(.points(), "file/run") }
        #expect(folder.names == ["file"])
    }

    @Test func brokenRecordsAreTold() throws {
        let comparison = PointsMaker().comparison(.points())
        try comparison.run(in: open())
        try folder.write(Array("\(RunTable.header)\n1,2\n".utf8), to: "a/runs/sgd/seed-2.csv")
        expectError(
            "\(folder("a"))/runs/sgd/seed-2.csv, line 2, is not what a run wrote: 8 fields, numbers or empty, should be "
                + "there: delete the file to repeat the run"
        ) { try comparison.run(in: open()) }
    }

    @Test func finalRunsOfOtherSettingsAreTold() throws {
        let comparison = PointsMaker().comparison(.points())
        try comparison.run(in: open())
        let choices = #"{"sgd": [{"name": "learning-rate", "value": "9"}]}"#
        try folder.write(Array(choices.utf8), to: "a/choices.json")
        let best = try #require(
            String(contentsOfFile: folder("a/tuning.csv"), encoding: .utf8).split(separator: "\n").first {
                $0.hasPrefix("sgd") && $0.hasSuffix("yes")
            }?.split(separator: "\"")[1])
        expectError(
            "\(folder("a"))/choices.json says that the final runs of sgd were made with learning-rate 9, but its trials "
                + "are best with \(best): delete that file and the final runs of sgd to repeat them"
        ) { try comparison.run(in: open()) }
    }

    @Test func machinesAreNotedOnce() throws {
        let folder = try open()
        let machine = MachineDescription(
            processor: "p", cores: 2, system: "s", device: "cpu", threads: 1, libtorch: "l")
        var other = machine
        other.threads = 2
        for machine in [machine, other, machine] { try folder.note(machine) }
        #expect(try folder.machines() == [machine, other])
    }

    @Test func thisMachineIsDescribed() {
        let machine = MachineDescription.current(device: .cpu)
        #expect(machine.cores > 0 && machine.threads > 0 && machine.device == "cpu")
        #expect(!machine.processor.isEmpty && !machine.system.isEmpty && !machine.libtorch.isEmpty)
    }
}
