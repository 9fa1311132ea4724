import ArgumentParser
import Datasets
import Foundation
import KFAC
import Training

/// The problem and its data.
struct ProblemOptions: ParsableArguments {
    @Option(help: "The problem.")
    var problem = ProblemName.convolutional

    @Option(
        help: ArgumentHelp(
            "The folder of the images.",
            discussion: """
                For fashion-mnist-...: the four IDX files of a data set in the form of MNIST, plain or .gz; by default the \
                Fashion-MNIST that 'make setup' puts into .deps/data/fashion-mnist. For resnet20: the binary version of \
                CIFAR-10, that is data_batch_1.bin to data_batch_5.bin and test_batch.bin, in the folder or in its \
                cifar-10-batches-bin; by default synthetic images.
                """,
            valueName: "folder"))
    var data: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Train on the first examples only.", valueName: "count"),
        transform: SettingBounds.trainLimit.count)
    var trainLimit: Int?

    @Flag(help: "For resnet20: crop and mirror the images at random.")
    var augment = false

    @Option(
        help: ArgumentHelp(
            "For fashion-mnist-autoencoder: weights after Glorot & Bengio 2010 (xavier), or 15 normal ones into each unit "
                + "after Martens 2010 (sparse), which take far longer to train. (default: xavier)",
            valueName: "weights"))
    var initialization: InitializationName?

    func validate() throws {
        if data == "" { throw ValidationError("--data needs the path of a folder; an empty text was given.") }
    }

    /// The options that have no effect on the problem.
    var misplaced: [MisplacedOption] {
        let name = problem.rawValue
        return [
            initialization != nil && problem != .autoencoder
                ? MisplacedOption(
                    "--initialization",
                    "--initialization is for --problem fashion-mnist-autoencoder only; the problem is \(name).") : nil,
            data != nil && problem.dataKind == .points
                ? MisplacedOption(
                    "--data", "--data is for images only; the problem \(name) draws its points itself.") : nil,
            augment && problem != .residual
                ? MisplacedOption("--augment", "--augment is for --problem resnet20 only; the problem is \(name).")
                : nil,
        ].compactMap(\.self)
    }

    /// The values of the options, except for the data: a run knows its own by what is in it, wherever that lies.
    var chosen: [ChosenOption] {
        [
            ChosenOption("--problem", problem), ChosenOption("--train-limit", trainLimit),
            ChosenOption("--augment", isGiven: augment),
            ChosenOption("--initialization", initialization, default: .xavier),
        ]
    }

    /// Reads, or makes up, the images.
    func imageTask() throws -> ImageTask {
        let task: ImageTask =
            switch (problem.dataKind, data) {
            case (.cifar, let folder?): try ImageTask(cifarFolder: folder)
            case (.cifar, nil): .synthetic(trainingCount: 10_000, testCount: 2000)
            case (_, let folder?): try ImageTask(folder: folder)
            case (_, nil): try ImageTask(folder: Self.setUpFolder(), verification: .requireFashionMNIST)
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
