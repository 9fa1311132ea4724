import Foundation

/// Which folder a path leads to: another one that gets the same name later is not the same.
struct FolderIdentity: Hashable {
    private let device: UInt64
    private let number: UInt64

    /// That of the folder at a path; nil where there is none.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
    }
}
