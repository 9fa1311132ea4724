import Foundation
import TestSupport
import Testing
import Training

/// What `kfac` says where its surroundings are not as they should be: one sentence, and nothing left behind.
@Suite struct SurroundingsTests {
    let folder = TemporaryFolder()
    private let labels = "t10k-labels-idx1-ubyte"

    /// Runs the command by a shell, which prepares something first.
    private func run(_ preparation: String, _ arguments: [String] = []) throws -> Tool.Result {
        try Tool.run(
            ["-c", "\(preparation) exec \"$0\" \"$@\"", Tool.path, "train", "--data", folder.path, "--steps", "1"]
                + arguments,
            in: folder, program: "/bin/sh")
    }

    private func compress() throws {
        try folder.writeImages(training: 12, test: 6)
        try FileManager.default.moveItem(atPath: folder(labels), toPath: folder("\(labels).gz"))
    }

    /// Gzip needs pipes.
    @Test func tooFewDescriptorsForGzip() throws {
        try compress()
        let result = try run("ulimit -n 6;")
        #expect(result.status == 1)
        let path = folder("\(labels).gz")
        let isTold = result.errors.wholeMatch(
            of: /Error: (.*) cannot be read: .*gzip cannot be started: Too many open files\n/)
        #expect(isTold?.1 == path[...], "\(result.errors)")
    }

    @Test(arguments: [
        ("#!/bin/sh\nexit 3\n", "cannot be read: gzip ended with the status 3 and said nothing"),
        ("#!/bin/sh\nkill -9 $$\n", "cannot be read: gzip ended by the signal 9 and said nothing"),
        ("\u{7f}no program", "cannot be read: BIN/gzip cannot be started: Exec format error"),
    ])
    func gzipIsNotWhatItShouldBe(content: String, message: String) throws {
        try compress()
        try FileManager.default.createDirectory(atPath: folder("bin"), withIntermediateDirectories: false)
        try folder.write(content.utf8, to: "bin/gzip")
        chmod(folder("bin/gzip"), 0o755)
        let result = try run("PATH=\(folder("bin"));")
        #expect(result.status == 1)
        #expect(
            result.errors
                == "Error: \(folder(labels)).gz \(message.replacing("BIN", with: folder("bin")))\n", "\(result.errors)")
    }

    /// What may not be looked at is not called missing.
    @Test func aLoopOfLinks() throws {
        try FileManager.default.createSymbolicLink(atPath: folder("loop"), withDestinationPath: "loop")
        let message = "cannot be read: Too many levels of symbolic links\n"
        let data = try Tool.run(["train", "--data", "loop", "--steps", "1"], in: folder)
        #expect(data.status == 1)
        #expect(data.errors == "Error: loop \(message)")
        let run = try Tool.run(["train", "--resume", "loop"], in: folder)
        #expect(run.status == 1)
        #expect(run.errors == "Error: loop \(message)")
    }

    /// Else, another folder than the one that was named is taken.
    @Test func aNameThatIsNoText() throws {
        let result = try run("set -- \"$@\" --output \"$(printf 'a\\377')\";")
        #expect(result.status == 1)
        #expect(
            result.errors.hasSuffix(" is not in UTF-8: give files and folders names in UTF-8\n"), "\(result.errors)")
        #expect(folder.names == [])
    }

    /// Help that is cut off is no success, whatever cuts it off.
    @Test(arguments: [
        "--help", "--version", "train --help", "help compare", "bench --list",
        "bench --case inverse/6 --repeats 1 --threads 1",
    ])
    func outputThatIsLost(arguments: String) throws {
        // The message and the status go through a pipe, which the limit of files does not hold for.
        let script = "{ ( ulimit -f 0; exec \"$0\" \(arguments) > out ) 2>&1; echo \"status $?\"; } | cat"
        let result = try Tool.run(["-c", script, Tool.path], in: folder, program: "/bin/sh")
        #expect(
            result.output
                == "Error: the standard output could not be written: File too large: make room, or send it elsewhere\n"
                + "status 1\n")
        #expect(result.errors == "")
    }

    @Test func oneFileForTwoReports() throws {
        let result = try Tool.run(["bench", "--scaling", "--csv", "a", "--page", "./a"], in: folder)
        #expect(result.status == 64)
        #expect(result.errors.hasPrefix("Error: --json, --csv and --page need a file each; one was given twice.\n"))
    }
}
