import Checksums
import Foundation
import KFAC
import Torch

/// The checkpoints of a run, each in a folder named after its step: the last ones and the best are kept.
public struct CheckpointFolder: Sendable {
    /// Where they are.
    public let path: String
    /// The number of the last ones that are kept.
    public let keptCount: Int

    private static let files = ["manifest.json", "model.safetensors", "state.safetensors"]
    private static let sums = "SHA256SUMS"

    /// Names a folder, which need not be there yet.
    ///
    /// - Parameter keptCount: The number of the last checkpoints that are kept, positive; the best is kept besides.
    public init(path: String, keptCount: Int = 2) {
        let defect = SettingBounds.keptCheckpoints.defect("the number of checkpoints that are kept", keptCount)
        if let defect { fatalError("CheckpointFolder: \(defect)") }
        self.path = path
        self.keptCount = keptCount
    }

    /// The paths of the checkpoints, oldest first; those that are being written are not among them.
    public var paths: [String] { named.filter(Self.isFolder) }

    /// The paths of what has a checkpoint's name and is no folder.
    public var strays: [String] { named.filter { !Self.isFolder($0) } }

    private var named: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.compactMap { name in Self.order(of: name).map { (order: $0, path: "\(path)/\(name)") } }
            .sorted { $0.order < $1.order }.map(\.path)
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// The folder that it is in.
    var parent: String {
        let parent = (path as NSString).deletingLastPathComponent
        return parent.isEmpty ? "." : parent
    }

    /// Makes the folder, and those on the way, and makes sure that something can be written into it.
    ///
    /// - Throws: ``CheckpointError/notWritable(_:reason:)``, or ``CheckpointError/firstNotWritable(_:reason:)`` where
    ///   there are no checkpoints; nothing is left behind then.
    public func prepare() throws(CheckpointError) {
        let made: [String]
        do { made = try OwnedFolder.make(path) } catch {
            guard case .notWritable(_, let reason) = error else { throw refusal(of: path, reason: "\(error)") }
            throw refusal(of: path, reason: reason)
        }
        removeAbandoned()
        do {
            let trial = try DurableFolder(path: "\(path)/trial")
            defer { trial.discard() }
            try trial.write(Data(count: 4096), to: "trial")
        } catch {
            OwnedFolder.removeEmpty(made)
            guard case .notWritable(_, let reason) = error else { throw error }
            throw refusal(of: path, reason: reason)
        }
    }

    /// Sets the checkpoints aside that come after one, which a run goes on from: another continuation wrote them.
    ///
    /// They get names that are no checkpoints', and are never removed.
    ///
    /// - Parameter steps: The number of steps of that one, whose name need not be that of a checkpoint.
    /// - Returns: The new paths.
    /// - Throws: ``CheckpointError/notWritable(_:reason:)``; the newest ones are set aside first, so that the newest
    ///   that is left is always of the run.
    public func setAside(after path: String, of steps: Int) throws(CheckpointError) -> [String] {
        let first = Self.order(of: Self.name(path)) ?? Order(step: steps, number: .max)
        var asides: [String] = []
        for newer in paths.reversed() {
            guard let order = Self.order(of: Self.name(newer)), first < order else { break }
            let aside = Self.unused("\(newer).set-aside")
            guard rename(newer, aside) == 0 else {
                throw .notWritable(aside, reason: String(cString: strerror(errno)))
            }
            asides.append(aside)
        }
        return asides
    }

    private static func name(_ path: String) -> String { (path as NSString).lastPathComponent }

    /// The path, with a number at its end where something is there.
    private static func unused(_ path: String) -> String {
        var (number, unused) = (1, path)
        while FileManager.default.fileExists(atPath: unused) {
            number += 1
            unused = "\(path)-\(number)"
        }
        return unused
    }

    /// The error if the system refuses to write: whether there is a checkpoint to resume from.
    private func refusal(of path: String, reason: String) -> CheckpointError {
        paths.isEmpty ? .firstNotWritable(path, reason: reason) : .notWritable(path, reason: reason)
    }

    /// Writes a checkpoint, flushed to the disk before it gets its name, and removes those that need not be kept.
    ///
    /// Costs a copy of its size in memory.
    ///
    /// - Returns: Its path and its size in bytes.
    /// - Throws: ``CheckpointError/notWritable(_:reason:)``, or ``CheckpointError/firstNotWritable(_:reason:)`` where
    ///   there are no older ones; these are as they were.
    @discardableResult
    public func write(_ checkpoint: Checkpoint) throws -> (path: String, byteCount: Int) {
        try prepare()
        return try add(checkpoint)
    }

    /// Writes a checkpoint into the folder that ``prepare()`` made.
    ///
    /// The folders on the way are not made again: where they are gone, the run was moved, and what is written now would
    /// not be found.
    ///
    /// - Throws: As ``write(_:)``.
    func add(_ checkpoint: Checkpoint) throws -> (path: String, byteCount: Int) {
        do { return try store(checkpoint) } catch CheckpointError.notWritable(let path, let reason) {
            throw refusal(of: path, reason: reason)
        }
    }

    private func store(_ checkpoint: Checkpoint) throws -> (path: String, byteCount: Int) {
        mkdir(path, 0o777)
        removeAbandoned()
        let path = unusedPath(step: checkpoint.manifest.progress.summary.steps)
        let folder = try DurableFolder(path: path)
        var byteCount = 0
        do {
            var sums = ""
            let contents = [
                try JSONEncoder.forFiles([.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
                    .encode(checkpoint.manifest) + Data("\n".utf8),
                try Safetensors(tensors: checkpoint.model).encodedInMemory(),
                try Safetensors(tensors: checkpoint.state.tensors).encodedInMemory(),
            ]
            for (name, content) in zip(Self.files, contents) {
                try folder.write(content, to: name)
                sums += "\(Self.hash(of: content))  \(name)\n"
                byteCount += content.count
            }
            try folder.write(Data(sums.utf8), to: Self.sums)
            try folder.commit()
        } catch {
            folder.discard()
            throw error
        }
        prune()
        return (path, byteCount)
    }

    /// Reads the newest checkpoint that is whole.
    ///
    /// Files with a checkpoint's name are passed over; see ``strays``.
    ///
    /// - Returns: The checkpoint, its path, and the errors of newer ones that are damaged.
    /// - Throws: ``CheckpointError`` where there is none, or all are damaged.
    public func readLatest() throws(CheckpointError) -> (
        checkpoint: Checkpoint, path: String, damaged: [CheckpointError]
    ) {
        var damaged: [CheckpointError] = []
        for path in paths.reversed() {
            do throws(CheckpointError) {
                return (try Self.read(path), path, damaged)
            } catch {
                guard case .damaged = error else { throw error }
                damaged.append(error)
            }
        }
        let reasons = damaged.compactMap { error -> String? in
            guard case .damaged(let path, let reason) = error else { return nil }
            return "\(path.split(separator: "/").last ?? ""): \(reason)"
        }
        throw reasons.isEmpty ? .notFound(path) : .allDamaged(path, reasons: reasons)
    }

    /// Reads a checkpoint; its files are compared with their hashes before anything is made of them.
    public static func read(_ path: String) throws(CheckpointError) -> Checkpoint {
        guard isFolder(path) else { throw .notFound(path) }
        let sums = String(decoding: try content(of: Self.sums, in: path), as: UTF8.self)
        var contents: [Data] = []
        for name in files {
            let content = try content(of: name, in: path)
            guard sums.contains("\(hash(of: content))  \(name)\n") else {
                throw .damaged(path, reason: "\(name) is not what was written")
            }
            contents.append(content)
        }
        let manifest = try manifest(contents[0], path)
        do {
            return Checkpoint(
                manifest: manifest, model: try Safetensors(data: contents[1]).tensors,
                state: Snapshot(tensors: try Safetensors(data: contents[2]).tensors))
        } catch {
            throw .damaged(path, reason: error.description)
        }
    }

    private struct Version: Decodable { let format: Int }

    private static func manifest(_ content: Data, _ path: String) throws(CheckpointError) -> CheckpointManifest {
        guard let version = try? decoder.decode(Version.self, from: content) else {
            throw .damaged(path, reason: "manifest.json does not tell its format")
        }
        guard version.format == CheckpointManifest.currentFormat else {
            throw .otherFormat(path, found: version.format)
        }
        do { return try decoder.decode(CheckpointManifest.self, from: content) } catch {
            throw .damaged(path, reason: "manifest.json lacks something")
        }
    }

    private static func content(of name: String, in path: String) throws(CheckpointError) -> Data {
        let content: [UInt8]?
        do { content = try InputFile.contents(of: "\(path)/\(name)", limit: .max - 1) } catch {
            throw .damaged(path, reason: "\(name) cannot be read: \(error.reason)")
        }
        guard let content else { throw .damaged(path, reason: "there is no file \(name)") }
        return Data(content)
    }

    private static func hash(of content: Data) -> String {
        SHA256.hexDigest(of: Array(content))
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return decoder
    }
}

extension CheckpointFolder {
    /// A checkpoint's place in the order: by step, then by number where a step has several.
    private struct Order: Comparable {
        let step: Int
        let number: Int

        static func < (a: Order, b: Order) -> Bool { (a.step, a.number) < (b.step, b.number) }
    }

    /// The order of "step-00000120" or "step-00000120-2"; nil for other names.
    private static func order(of name: String) -> Order? {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, parts[0] == "step",
            parts.dropFirst().allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isNumber } }),
            let step = Int(parts[1]), let number = parts.count == 3 ? Int(parts[2]) : 1
        else { return nil }
        return Order(step: step, number: number)
    }

    private func unusedPath(step: Int) -> String {
        let digits = String(step)
        return Self.unused("\(path)/step-\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits)")
    }

    /// Removes what processes that were killed left half-written.
    private func removeAbandoned() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            let isLeftover = DurableFolder.isAbandoned(name) || name.hasSuffix(".removed")
            if isLeftover { try? FileManager.default.removeItem(atPath: "\(path)/\(name)") }
        }
    }

    /// Removes all but the last ones and the best.
    private func prune() {
        let paths = paths
        guard paths.count > keptCount else { return }
        var best: (path: String, score: Score)?
        for path in paths {
            guard let content = FileManager.default.contents(atPath: "\(path)/manifest.json"),
                let manifest = try? Self.manifest(content, path),
                let tested = manifest.progress.summary.lastEvaluation,
                tested.steps == manifest.progress.summary.steps
            else { continue }
            if best.map({ tested.score.isBetter(than: $0.score) }) ?? true { best = (path, tested.score) }
        }
        for path in paths.dropLast(keptCount) where path != best?.path {
            // The name goes first, so that no half of a checkpoint is ever found under it.
            let removed = "\(path).removed"
            if rename(path, removed) == 0 { try? FileManager.default.removeItem(atPath: removed) }
        }
    }
}
