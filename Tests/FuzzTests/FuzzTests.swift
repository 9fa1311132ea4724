import Foundation
import FuzzTargets
import Testing

/// Every parser of files and texts, a bounded number of times: `make fuzz` does the same for as long as one likes,
/// guided by what the inputs reach.
///
/// Each has a process of its own, with a bound on its memory: a parser that believes a length from a header ends it.
@Suite struct FuzzTests {
    @Test(arguments: FuzzTarget.all.map(\.name)) func parsersComeBack(name: String) async {
        let last = FuzzRun.lastInput(name)
        let result = await #expect(
            processExitsWith: .success, observing: [\.standardErrorContent], "the input is kept in \(last)"
        ) { [name = name as String] in
            try FuzzRun(name).run()
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        if result?.exitStatus == .exitCode(EXIT_SUCCESS) {
            try? FileManager.default.removeItem(atPath: last)
        } else {
            Issue.record("\(text.suffix(2000))")
        }
    }

    @Test func everyParserHasACorpus() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: FuzzRun.corpus).sorted()
        #expect(folders == FuzzTarget.all.map(\.name).sorted())
    }

    @Test func inputsFollowFromTheSeed() {
        func inputs(_ seed: UInt64) -> [[UInt8]] {
            var mutator = Mutator(FuzzTarget.all[0], corpus: [Array("some bytes".utf8), [1, 2, 3]], seed: seed)
            return (0..<200).map { _ in mutator.next() }
        }
        #expect(inputs(1) == inputs(1))
        #expect(inputs(1) != inputs(2))
        #expect(Set(inputs(1)).count > 150)
    }
}
