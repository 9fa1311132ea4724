import Foundation

/// The kind of thing that a path leads to, links followed.
package enum PathTarget {
    case nothing
    case folder
    /// A file, or something else that is no folder.
    case file

    /// Looks.
    ///
    /// - Throws: ``FileError`` if the system does not tell: nothing that is there is taken for missing.
    package init(_ path: String) throws(FileError) {
        var status = stat()
        if stat(path, &status) == 0 {
            self = status.st_mode & S_IFMT == S_IFDIR ? .folder : .file
        } else if errno == ENOENT || errno == ENOTDIR {
            self = .nothing
        } else {
            throw FileError(path: path, reason: String(cString: strerror(errno)))
        }
    }
}
