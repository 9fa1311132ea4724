import Foundation
import TestSupport
import Testing

@Suite struct HelpTests {
    let folder = TemporaryFolder()

    /// The help as it is stored; `UPDATE_SNAPSHOTS=1 swift test --filter HelpTests` stores it anew.
    @Test(arguments: [
        ("kfac", ["--help"]), ("kfac-train", ["train", "--help"]), ("kfac-compare", ["compare", "--help"]),
        ("kfac-bench", ["bench", "--help"]),
    ])
    func helpIsAsStored(name: String, arguments: [String]) throws {
        let result = try Tool.run(arguments, in: folder)
        #expect(result.status == 0)
        #expect(result.errors == "")
        let stored = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Snapshots/\(name).txt")
        if ProcessInfo.processInfo.environment["UPDATE_SNAPSHOTS"] != nil {
            try result.output.write(to: stored, atomically: true, encoding: .utf8)
        }
        let expected = try String(contentsOf: stored, encoding: .utf8)
        #expect(result.output == expected)
        #expect(folder.names == [])
    }

    @Test func versionIsTold() throws {
        let result = try Tool.run(["--version"], in: folder)
        #expect(result.status == 0)
        #expect(result.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
    }

    @Test func withoutACommandHelpIsShown() throws {
        let result = try Tool.run([], in: folder)
        #expect(result.status == 0)
        #expect(result.output.contains("USAGE: kfac <subcommand>"))
    }
}
