import ArgumentParser
import Datasets
import Foundation

/// Which images to learn from.
struct DataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A folder with the four IDX files of a data set in the form of MNIST, plain or .gz.",
            discussion: "By default the Fashion-MNIST that 'make setup' puts into .deps/data/fashion-mnist.",
            valueName: "folder"))
    var data: String?

    @Option(help: ArgumentHelp("Learn from the first images only.", valueName: "count"))
    var trainLimit: Int?

    func validate() throws {
        if let trainLimit, trainLimit < 1 {
            throw ValidationError("--train-limit must be at least 1; \(trainLimit) was given.")
        }
        if data == "" { throw ValidationError("--data needs the path of a folder; an empty text was given.") }
    }

    /// Reads the images.
    func task() throws -> ImageTask {
        let task =
            if let data {
                try ImageTask(folder: data)
            } else {
                try ImageTask(folder: Self.setUpFolder(), verification: .requireFashionMNIST)
            }
        return trainLimit.map(task.limited(toTraining:)) ?? task
    }

    /// The folder of the set-up: in the current folder, or in the package that this program was built in.
    private static func setUpFolder() throws -> String {
        let place = ".deps/data/fashion-mnist"
        var folders = [FileManager.default.currentDirectoryPath]
        if var folder = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent() {
            while folder.path != "/" {
                folders.append(folder.path)
                folder.deleteLastPathComponent()
            }
        }
        for folder in folders where FileManager.default.fileExists(atPath: "\(folder)/\(place)") {
            return "\(folder)/\(place)"
        }
        throw ToolError(
            "Fashion-MNIST is not set up: there is no folder \(place) in \(folders[0]) or where this program was "
                + "built: run 'make setup' in the package, or give a folder of IDX files by --data")
    }
}
