import Foundation
import Torch

extension ImageTask {
    /// Reads CIFAR-10 in its binary version: `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.
    ///
    /// The task is called like the folder.
    ///
    /// - Parameter folder: The folder of the files, or one with the folder `cifar-10-batches-bin` in it.
    /// - Throws: ``DatasetError`` if a file is missing or not what it must be.
    public init(cifarFolder folder: String) throws(DatasetError) {
        try Self.requireFolder(folder, missing: .missingCIFARFolder(folder))
        let base = URL(fileURLWithPath: folder)
        let (trainingPaths, testPath) = try Self.cifarPaths(in: folder)
        // A missing file is reported before anything large is read.
        for path in trainingPaths + [testPath] where try !Self.isThere(path) { throw .missingCIFARFile(path) }
        let test = try CIFARFile(path: testPath)
        var parts: [CIFARFile] = []
        for path in trainingPaths {
            let part = try CIFARFile(path: path)
            // A file that is cut off between two records looks whole.
            if let first = parts.first, first.count != part.count {
                throw .unequalParts(trainingPaths[0], first.count, path, part.count)
            }
            parts.append(part)
        }
        let training = ImageDataset(
            images: Tensor.concatenate(parts.map(\.images)), labels: Tensor.concatenate(parts.map(\.labels)),
            classes: CIFARFile.classes)
        self.init(
            name: base.standardizedFileURL.lastPathComponent, training: training,
            test: ImageDataset(images: test.images, labels: test.labels, classes: CIFARFile.classes),
            fingerprint: Dictionary(
                uniqueKeysWithValues: zip(trainingPaths + [testPath], parts + [test]).map { path, file in
                    (URL(fileURLWithPath: path).lastPathComponent, file.checksum)
                }))
    }

    /// Whether a folder has one of the files.
    static func hasCIFAR(_ folder: String) throws(DatasetError) -> Bool {
        let (training, test) = try cifarPaths(in: folder)
        for path in training + [test] where try isThere(path) { return true }
        return false
    }

    private static func cifarPaths(in folder: String) throws(DatasetError) -> (training: [String], test: String) {
        let base = URL(fileURLWithPath: folder)
        let inner = base.appendingPathComponent("cifar-10-batches-bin")
        let place = try isThere(inner.path) ? inner : base
        return (
            (1...5).map { place.appendingPathComponent("data_batch_\($0).bin").path },
            place.appendingPathComponent("test_batch.bin").path
        )
    }
}
