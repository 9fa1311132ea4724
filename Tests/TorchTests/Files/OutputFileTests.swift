import Foundation
import TestSupport
import Testing

@testable import Torch

/// A file is replaced whole, or stays.
@Suite struct OutputFileTests {
    let folder = TemporaryFolder()
    private let content = Data("new".utf8)

    private func text(_ name: String) throws -> String { try String(contentsOfFile: folder(name), encoding: .utf8) }

    @Test func replacesAFileAndWhatALinkLeadsTo() throws {
        try folder.write("old".utf8, to: "file")
        try FileManager.default.createSymbolicLink(atPath: folder("link"), withDestinationPath: "file")
        try OutputFile.replace(folder("link"), with: content)
        #expect(try text("file") == "new")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder("link")) == "file")
        #expect(folder.names == ["file", "link"])
    }

    @Test func saysWhatIsInTheWay() throws {
        try FileManager.default.createDirectory(atPath: folder("folder"), withIntermediateDirectories: false)
        #expect(mkfifo(folder("pipe"), 0o600) == 0)
        let faults = [
            ("folder", "Is a directory"), ("pipe", "it is a pipe or a device"),
            ("none/file", "No such file or directory"),
            (String(repeating: "x", count: 300), "File name too long"),
        ]
        for (name, reason) in faults {
            #expect(throws: FileWriteError(folder(name), reason: reason)) {
                try OutputFile.replace(folder(name), with: content)
            }
        }
        #expect(folder.names == ["folder", "pipe"])
    }
}
