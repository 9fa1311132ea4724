import Foundation
import FuzzTargets

// What libFuzzer calls, and what calls libFuzzer.

/// The parser that the environment names.
private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["FUZZ_PARSER"] ?? ""
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
        print("there is no parser '\(name)': set FUZZ_PARSER to one of \(names)")
        exit(64)
    }
    return target
}()

/// Feeds an input to the parser, and stops the program where something is wrong.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    do { _ = try target.accepts(Array(UnsafeBufferPointer(start: data, count: size))) } catch { fatalError("\(error)") }
    return 0
}

/// Changes an input as libFuzzer does, or as the tests do, which know of numbers, brackets and tensors.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>?, _ size: Int, _ limit: Int, _ seed: CUnsignedInt) -> Int {
    guard size > 0, seed % 2 == 0 else { return change(data, size, limit) }
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    var mutator = Mutator(target, corpus: [input], seed: UInt64(seed))
    let changed = mutator.next()
    guard changed.count <= limit else { return change(data, size, limit) }
    for (place, byte) in changed.enumerated() { data![place] = byte }
    return changed.count
}

/// libFuzzer's own changes.
@_silgen_name("LLVMFuzzerMutate")
private func change(_ data: UnsafeMutablePointer<UInt8>?, _ size: Int, _ limit: Int) -> Int

/// Writes the target's own examples beside the corpus before libFuzzer reads it.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ count: UnsafeMutableRawPointer, _ arguments: UnsafeMutableRawPointer) -> CInt {
    if let folder = ProcessInfo.processInfo.environment["FUZZ_EXAMPLES"] {
        for (number, example) in try! target.examples().enumerated() {
            try! Data(example).write(to: URL(fileURLWithPath: "\(folder)/example-\(number)"))
        }
    }
    return 0
}

private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<Arguments>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The program: libFuzzer has a `main`, but the package manager wants one of this name.
@_cdecl("fuzz_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    var (count, arguments) = (count, arguments)
    return runDriver(&count, &arguments) { testOneInput($0, $1) }
}
