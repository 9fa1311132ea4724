import Foundation
import FuzzTargets
import Torch

/// A bounded run of one parser: its corpus as it is, then damaged in ways that follow from a seed.
struct FuzzRun {
    private let target: FuzzTarget
    private let inputs: [[UInt8]]

    /// The folder of the corpora.
    static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Fuzz/Corpus").standardizedFileURL.path

    /// Where the input is that a parser is busy with.
    static func lastInput(_ name: String) -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("kfac-fuzz-last-\(name)").path
    }

    init(_ name: String) throws {
        let target = FuzzTarget.all.first { $0.name == name }!
        let folder = "\(Self.corpus)/\(name)"
        let stored = try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map {
            [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0)")))
        }
        inputs = try stored + target.examples()
        self.target = target
    }

    func run() throws {
        // More would wait for one another at each of the small operations.
        Runtime.threadCount = 1
        var accepted = 0
        var mutator = Mutator(target, corpus: inputs, seed: 1)
        // A first good input takes what is taken once: libraries, threads.
        for input in inputs where try accepts(input) { accepted += 1 }
        guard accepted > 0, accepted < inputs.count else {
            throw Fault("\(accepted) of \(inputs.count) inputs of the corpus are accepted: there should be both kinds")
        }
        Self.limit(memory: 1 << 30, seconds: 300)
        accepted = 0
        for _ in 0..<target.executions where try accepts(mutator.next()) { accepted += 1 }
        print("\(target.name): \(target.executions) inputs, \(accepted) accepted")
        // Otherwise the inputs are of no use.
        guard accepted > 0, accepted < target.executions else { throw Fault("\(accepted) inputs are accepted") }
    }

    private func accepts(_ input: [UInt8]) throws -> Bool {
        try Data(input).write(to: URL(fileURLWithPath: Self.lastInput(target.name)))
        return try target.accepts(input)
    }

    /// Bounds what this process may take from now on: a hang ends by a signal, a huge allocation fails.
    private static func limit(memory: Int, seconds: Int) {
        var time = rlimit(rlim_cur: rlim_t(seconds), rlim_max: rlim_t(seconds))
        setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &time)
        // Sanitizers reserve far more than they use.
        guard dlsym(nil, "__asan_init") == nil, dlsym(nil, "__tsan_init") == nil else { return }
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").first
        guard let size = pages.flatMap({ Int($0) }).map({ $0 * Int(getpagesize()) }) else { return }
        var space = rlimit(rlim_cur: rlim_t(size + memory), rlim_max: rlim_t(size + memory))
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &space)
    }

    private struct Fault: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }
}
