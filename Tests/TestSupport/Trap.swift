import Foundation
public import Testing

/// Checks that a program stops the process by a trap, after it has said certain words on standard error.
///
/// For the body of `#expect(processExitsWith: .success)`, any number of times: the program runs in a copy of that
/// process, which costs a hundredth of a process of its own, because libtorch is loaded already. The copy has the
/// calling thread only, so operations must not have run outside of such programs before.
public func expectTrap(
    _ words: String..., sourceLocation: SourceLocation = #_sourceLocation, of program: () throws -> Void
) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { fatalError("expectTrap: there is no pipe, errno \(errno)") }
    let copy = fork()
    if copy == 0 {
        dup2(ends[1], STDERR_FILENO)
        do { try program() } catch { FileHandle.standardError.write(Data("threw \(error)".utf8)) }
        _exit(EXIT_SUCCESS)
    }
    close(ends[1])
    guard copy > 0 else { fatalError("expectTrap: there is no process, errno \(errno)") }
    let said = String(
        decoding: FileHandle(fileDescriptor: ends[0], closeOnDealloc: true).readDataToEndOfFile(), as: UTF8.self)
    var status: Int32 = 0
    waitpid(copy, &status, 0)
    // The number of the signal that ended it.
    #expect(status & 0x7f != 0, "it went on: \(said)", sourceLocation: sourceLocation)
    for word in words { #expect(said.contains(word), sourceLocation: sourceLocation) }
}
