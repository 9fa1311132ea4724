import Foundation
import Torch
import Training

/// The file of a run in progress: it gets its name when the run is over, so that a name means a whole run.
final class RunFile {
    private let path: String
    private let file: FileHandle

    private var partialPath: String { "\(path).partial" }

    /// Creates the file, with its header, over what an earlier attempt left behind.
    init(path: String) throws(RunFolderError) {
        self.path = path
        // Whatever is there, a pipe for one: nothing is written into it.
        let isFree = unlink("\(path).partial") == 0 || errno == ENOENT
        let descriptor = isFree ? open("\(path).partial", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) : -1
        guard descriptor >= 0 else { throw .notWritable(path, reason: String(cString: strerror(errno))) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try write(RunTable.header)
    }

    /// Adds a point; it can be read at once.
    ///
    /// - Throws: ``/Training/RunFolderError`` where it cannot be written, or the file is not at its path any more.
    func append(_ point: RunPoint) throws(RunFolderError) {
        guard OwnedFolder.isAt(partialPath, file.fileDescriptor) else { throw .moved(path) }
        try write(RunTable.line(point))
    }

    /// Gives the file its name.
    func finish() throws(RunFolderError) {
        guard fsync(file.fileDescriptor) == 0, rename(partialPath, path) == 0 else {
            throw .notWritable(path, reason: String(cString: strerror(errno)))
        }
    }

    /// Removes the file, where it is not another one by now.
    func discard() { if OwnedFolder.isAt(partialPath, file.fileDescriptor) { unlink(partialPath) } }

    private func write(_ line: String) throws(RunFolderError) {
        guard OutputFile.write(Data("\(line)\n".utf8), to: file.fileDescriptor) else {
            throw .notWritable(path, reason: "a line could not be added: \(String(cString: strerror(errno)))")
        }
    }
}
