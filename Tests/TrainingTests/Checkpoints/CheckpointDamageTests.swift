import Checksums
import Foundation
import TestSupport
import Testing
import Torch
import Training

/// Checkpoints whose hashes are right and whose contents are not: an error, or a run, and never a crash.
///
/// The environment variable KFAC_DAMAGES says how many are tried.
@Suite struct CheckpointDamageTests {
    let folder = TemporaryFolder()

    private static let count = ProcessInfo.processInfo.environment["KFAC_DAMAGES"].flatMap { Int($0) } ?? 120

    @Test(arguments: [true, false]) func damagedContentsAreErrors(usesKFAC: Bool) throws {
        let run = SmallRun(folder: folder, usesKFAC: usesKFAC)
        try run.run()
        let whole = try CheckpointFolder.read(try #require(run.checkpoints.paths.first))
        var generator = RandomGenerator(seed: 9)
        func number(_ bound: Int) -> Int { generator.integers([1], in: 0..<bound).array(of: Int.self)[0] }
        let names = whole.state.tensors.keys.sorted()
        var refused = 0
        for _ in 0..<Self.count {
            var checkpoint = whole
            var tensors = whole.state.tensors
            let name = names[number(names.count)]
            let tensor = tensors[name]!
            switch number(9) {
            case 0: tensors[name] = nil
            case 1: tensors["\(name)x"] = tensor
            case 2: tensors[name] = Tensor.zeros(tensor.shape + [2])
            case 3: tensors[name] = tensor.dtype == .float32 ? tensor.to(.float64) : Tensor.zeros(tensor.shape)
            case 4: tensors[name] = Tensor([Int(-1 - number(1 << 40))])
            case 5:
                // The same bytes in another order of memory.
                tensors[name] = nil
                tensors["\(name)@\(tensor.shape.indices.reversed().map(String.init).joined(separator: ","))"] = tensor
            case 6:
                let bytes = tensor.dtype == .uint8 ? tensor.array(of: UInt8.self) : [7, 8]
                tensors[name] = Tensor(Array(bytes.dropLast(1 + number(3))))
            case 7:
                let other = names[number(names.count)]
                (tensors[name], tensors[other]) = (tensors[other], tensors[name])
            default:
                checkpoint.manifest.progress.samplerDealt = number(100) - 50
                checkpoint.manifest.progress.samplerEpoch = number(10) - 5
                checkpoint.manifest.progress.epochSteps = number(1 << 30) - 5
                checkpoint.manifest.progress.epochStepsDone = number(1 << 30) - 5
            }
            checkpoint.state = Snapshot(tensors: tensors)
            do { try run.run(from: checkpoint) } catch { refused += 1 }
        }
        #expect(refused > Self.count / 2)
    }

    /// A manifest with other bytes and the right hash.
    @Test func damagedManifestsAreErrors() throws {
        let run = SmallRun(folder: folder)
        try run.run()
        let path = folder("one")
        try FileManager.default.copyItem(atPath: try #require(run.checkpoints.paths.first), toPath: path)
        func file(_ name: String) -> URL { URL(fileURLWithPath: "\(path)/\(name)") }
        let whole = Array(try Data(contentsOf: file("manifest.json")))
        let sums = try String(contentsOf: file("SHA256SUMS"), encoding: .utf8)
        let hash = String(try #require(sums.split(separator: " ").first))
        let pieces = ["-1", "1e999", "null", "[]", "{}", "9223372036854775808", "\"\"", "0.5", "\u{FF}"].map {
            Array($0.utf8)
        }
        var generator = RandomGenerator(seed: 12)
        func number(_ bound: Int) -> Int { generator.integers([1], in: 0..<bound).array(of: Int.self)[0] }
        // Where numbers and texts begin: what stands there is replaced.
        let starts = whole.indices.filter { $0 > 1 && whole[$0 - 2] == UInt8(ascii: ":") }
        var refused = 0
        for _ in 0..<2 * Self.count {
            var bytes = whole
            switch number(4) {
            case 0: bytes[number(bytes.count)] ^= UInt8(1 << number(8))
            case 1: bytes.removeSubrange(number(bytes.count)...)
            default:
                let start = starts[number(starts.count)]
                let end = whole[start...].firstIndex { [UInt8(ascii: ","), UInt8(ascii: "\n")].contains($0) } ?? start
                bytes.replaceSubrange(start..<end, with: pieces[number(pieces.count)])
            }
            try Data(bytes).write(to: file("manifest.json"))
            try Data(sums.replacing(hash, with: SHA256.hexDigest(of: bytes)).utf8).write(to: file("SHA256SUMS"))
            do { try run.run(from: CheckpointFolder.read(path)) } catch { refused += 1 }
        }
        #expect(refused > Self.count / 2)
    }
}
