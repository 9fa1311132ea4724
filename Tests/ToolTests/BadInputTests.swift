import Foundation
import TestSupport
import Testing
import Torch

@Suite struct BadInputTests {
    let folder = TemporaryFolder()

    init() throws { try folder.writeImages(training: 12, test: 6) }

    /// An option's value, and what is said of it.
    static let values: [(arguments: [String], message: String)] = [
        (
            ["--epochs", "0"],
            "The value '0' is invalid for '--epochs <epochs>': it must be a whole number from 1 to 1000000000."
        ),
        (
            ["--epochs", "9223372036854775807"],
            "The value '9223372036854775807' is invalid for '--epochs <epochs>': it must be a whole number from 1 to 1000000000."
        ),
        (
            ["--batch-size", "0"],
            "The value '0' is invalid for '--batch-size <count>': it must be a whole number from 1 to 1000000000."
        ),
        (
            ["--threads", "0"],
            "The value '0' is invalid for '--threads <count>': it must be a whole number from 1 to 1024."
        ),
        (
            ["--threads", "100000"],
            "The value '100000' is invalid for '--threads <count>': it must be a whole number from 1 to 1024."
        ),
        (
            ["--train-limit", "0"],
            "The value '0' is invalid for '--train-limit <count>': it must be a whole number from 1 to 10000000."
        ),
        (
            ["--learning-rate", "0"],
            "The value '0' is invalid for '--learning-rate <rate>': it must be positive and finite."
        ),
        (
            ["--learning-rate", "nan"],
            "The value 'nan' is invalid for '--learning-rate <rate>': it must be positive and finite."
        ),
        (
            ["--learning-rate", "inf"],
            "The value 'inf' is invalid for '--learning-rate <rate>': it must be positive and finite."
        ),
        (
            ["--momentum", "1"],
            "The value '1' is invalid for '--momentum <momentum>': it must be at least 0 and below 1."
        ),
        (
            ["--momentum=-0.5"],
            "The value '-0.5' is invalid for '--momentum <momentum>': it must be at least 0 and below 1."
        ),
        (["--damping=-1"], "The value '-1' is invalid for '--damping <damping>': it must be positive and finite."),
        (
            ["--norm-constraint", "0"],
            "The value '0' is invalid for '--norm-constraint <bound>': it must be positive and finite."
        ),
        (
            ["--statistics-period", "0"],
            "The value '0' is invalid for '--statistics-period <steps>': it must be a whole number from 1 to 1000000."
        ),
        (
            ["--inverse-period", "0"],
            "The value '0' is invalid for '--inverse-period <steps>': it must be a whole number from 1 to 1000000."
        ),
        (
            ["--inverse-schedule", "when-stale", "--staleness=-1"],
            "The value '-1' is invalid for '--staleness <error>': it must be at least 0 and finite."
        ),
        (["--step-rule", "fixed", "--staleness", "0.1"], "--staleness is for --inverse-schedule when-stale only."),
        (
            ["--optimizer", "sgd", "--damping", "1"],
            "--damping is for --optimizer kfac only; the optimizer is sgd."
        ),
        (
            ["--optimizer", "adam", "--inverse-period", "1"],
            "--inverse-period is for --optimizer kfac, shampoo, soap, kl-shampoo or kl-soap only; the optimizer is adam."
        ),
        (
            ["--weight-decay=-1"],
            "The value '-1' is invalid for '--weight-decay <share>': it must be at least 0 and at most 1000000."
        ),
        (
            ["--optimizer", "adam", "--weight-decay", "0.1"],
            "--weight-decay is for --optimizer sgd, adamw, shampoo, soap, kl-shampoo, kl-soap or muon only; the optimizer is adam."
        ),
        (
            ["--optimizer", "muon", "--nesterov"],
            "--nesterov is for --optimizer sgd or soap only; the optimizer is muon."
        ),
        (["--data", ""], "--data needs the path of a folder; an empty text was given."),
        (["--output", ""], "--output needs the path of a folder; an empty text was given."),
        (
            ["--device", "gpu"],
            "The value 'gpu' is invalid for '--device <device>': a device is called cpu, cuda or cuda:N with a number N."
        ),
        (
            ["--epochs", "two"],
            "The value 'two' is invalid for '--epochs <epochs>': it must be a whole number from 1 to 1000000000."
        ),
        (
            ["--seed=-1"],
            "The value '-1' is invalid for '--seed <seed>': it must be a whole number from 0 to \(UInt64.max)."
        ),
        (["--rate", "1"], "Unknown option '--rate'. Did you mean '--data'?"),
        (["--learning-rat", "1"], "Unknown option '--learning-rat'. Did you mean '--learning-rate'?"),
        (["more"], "Unexpected argument 'more'"),
    ]

    @Test(arguments: values.indices)
    func badValuesAreTold(index: Int) {
        let (arguments, message) = Self.values[index]
        Tool.expectBadUsage(["train"] + arguments, message)
    }

    /// What the parser refuses, the command tells on the standard error, and does nothing else.
    @Test(arguments: [
        ["train", "--epochs", "0"], ["train", "--staleness", "0.1"], ["train", "more"],
        ["compare", "--data", ".", "--search", "sgd"], ["bench", "--csv", "a.csv"],
    ])
    func refusalsAreWrittenToTheStandardError(arguments: [String]) throws {
        let before = folder.names
        let refusal = try #require(Tool.refusal(of: arguments))
        let result = try Tool.run(arguments, in: folder)
        #expect(result.status == refusal.status)
        #expect(result.output == "")
        #expect(result.errors.hasPrefix("Error: \(refusal.message)\n"))
        #expect(folder.names == before)
    }

    @Test func anUnknownOptimizerIsToldWithTheKnownOnes() throws {
        let result = try Tool.run(["train", "--optimizer", "newton"], in: folder)
        #expect(result.status == 64)
        #expect(result.errors.hasPrefix("Error: The value 'newton' is invalid for '--optimizer <optimizer>'."))
        for method in ["kfac", "sgd", "adam", "adamw", "shampoo", "soap", "kl-shampoo", "kl-soap", "muon"] {
            #expect(result.errors.contains("- \(method)\n"))
        }
    }

    /// Runs on the folder's data and expects one sentence, and nothing left behind.
    private func expectError(
        _ message: String, _ arguments: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = folder.names
        let result = try Tool.run(["train", "--data", folder.path] + arguments, in: folder)
        #expect(result.status == 1, sourceLocation: sourceLocation)
        #expect(result.output == "", sourceLocation: sourceLocation)
        #expect(result.errors == "Error: \(message)\n", sourceLocation: sourceLocation)
        #expect(folder.names == before, sourceLocation: sourceLocation)
    }

    private func expectFault(
        of file: String, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try expectError("\(folder(file)) \(message)", sourceLocation: sourceLocation)
    }

    @Test func aMissingFolder() throws {
        try expectError(
            "the data folder nowhere does not exist: give a folder that holds the four IDX files of a data set",
            ["--data", "nowhere"])
    }

    @Test func aFileInPlaceOfTheFolder() throws {
        for problem in ["fashion-mnist-cnn", "resnet20"] {
            let result = try Tool.run(
                ["train", "--problem", problem, "--data", "train-labels-idx1-ubyte"], in: folder)
            #expect(result.status == 1)
            #expect(
                result.errors
                    == "Error: the data folder train-labels-idx1-ubyte is a file: give the folder that holds the files of the "
                    + "data set\n")
        }
    }

    /// A file that ends within its first numbers is not said to begin otherwise.
    @Test func aFileOfThreeBytes() throws {
        let file = "train-images-idx3-ubyte"
        try folder.write([0, 0, 8], to: file)
        try expectFault(
            of: file, "is cut off: it ends after 3 bytes, and the header of an IDX file has more: get the file anew")
        try folder.write([], to: file)
        try expectFault(of: file, "is empty: get the file anew")
    }

    @Test func weightsOfHalfPrecision() throws {
        let header = #"{"w":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        try folder.write(length + Array(header.utf8) + [0, 0], to: "half.safetensors")
        let result = try Tool.run(
            ["train", "--data", folder.path, "--initial-weights", "half.safetensors", "--output", "run"], in: folder)
        #expect(result.status == 1)
        #expect(result.errors.contains("'w' has the element type F16; only "), "\(result.errors)")
        #expect(
            result.errors.hasSuffix(" can be read: give a safetensors file of weights of the type F32, F64 or BF16\n"),
            "\(result.errors)")
        #expect(!folder.names.contains("run"))
    }

    @Test func aMissingFile() throws {
        let file = "t10k-labels-idx1-ubyte"
        try FileManager.default.removeItem(atPath: folder(file))
        try expectFault(
            of: file,
            "is missing, and so is \(folder(file)).gz: the folder must hold train-images-idx3-ubyte, "
                + "train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or "
                + "compressed by gzip")
    }

    @Test func aTruncatedFile() throws {
        let file = "train-images-idx3-ubyte"
        let bytes = idxBytes(shape: [12, 28, 28], elements: [UInt8](repeating: 1, count: 5000))
        try folder.write(bytes, to: file)
        try expectFault(
            of: file,
            "is cut off: its header promises 12 x 28 x 28 bytes of content, and 5000 are there: get the file anew")
    }

    @Test func aWrongFile() throws {
        let file = "train-images-idx3-ubyte"
        try folder.write(Array("GIF89a".utf8), to: file)
        try expectFault(
            of: file, "is not an IDX file: it begins with 47 49 46 38 instead of 00 00 08: get the right file")
    }

    @Test func aLabelOutOfRange() throws {
        let file = "train-labels-idx1-ubyte"
        try folder.write(idxBytes(shape: [12], elements: [UInt8](repeating: 3, count: 11) + [200]), to: file)
        try expectFault(
            of: file, "has the label 200 at position 11: labels are from 0 to 9: use a data set of 10 classes")
    }

    @Test func unequalCounts() throws {
        try folder.write(idxBytes(shape: [2], elements: [1, 2]), to: "train-labels-idx1-ubyte")
        try expectFault(
            of: "train-images-idx3-ubyte",
            "holds 12 images and \(folder("train-labels-idx1-ubyte")) holds 2 labels: there must be a label for each "
                + "image; use files that belong together")
    }

    @Test func compressedFilesWithoutGzip() throws {
        let file = "t10k-images-idx3-ubyte"
        try FileManager.default.moveItem(atPath: folder(file), toPath: folder(file) + ".gz")
        let result = try Tool.run(
            ["train", "--data", folder.path], in: folder, environment: ["PATH": folder.path])
        #expect(result.status == 1)
        #expect(
            result.errors
                == "Error: \(folder(file)).gz is compressed, and the program gzip, which decompresses it, was not found "
                + "in PATH: install gzip, or put the decompressed file beside it\n")
    }

    @Test func imagesThatDoNotFitTheNetwork() throws {
        try folder.writeImages(training: 4, test: 4, size: 6)
        try expectError(
            "the images of \(folder.name) have 6 x 6 pixels: the network takes square ones from 8 x 8 to 128 x 128")
    }

    @Test(.enabled(if: Runtime.cudaDeviceCount == 0)) func aDeviceThatIsNotThere() throws {
        try expectError(
            "the device cuda:0 cannot be used: libtorch \(Runtime.version) finds no CUDA device: use --device cpu, or "
                + "a libtorch built for CUDA on a machine with such a device", ["--device", "cuda"])
    }

    @Test func anOutputFolderThatCannotBeWritten() throws {
        try expectError(
            "train-labels-idx1-ubyte/run cannot be written: Not a directory: give another folder for the output",
            ["--output", "train-labels-idx1-ubyte/run"])
    }

    @Test func anOutputFolderThatHoldsARun() throws {
        try FileManager.default.createDirectory(atPath: folder("run"), withIntermediateDirectories: false)
        try folder.write([], to: "run/metrics.jsonl")
        try expectError(
            "run already holds a run: give another folder for the output", ["--output", "run"])
    }

    /// Outside of the package, neither the current folder nor the program's own leads to the set-up's data.
    @Test func noSetUp() throws {
        let program = folder("kfac")
        // By a process of its own: what this one writes stays open in children that other tests start meanwhile, and a
        // program that is open for writing cannot be run.
        let copy = Process()
        copy.executableURL = URL(fileURLWithPath: "/bin/cp")
        copy.arguments = [Tool.path, program]
        try copy.run()
        copy.waitUntilExit()
        let result = try Tool.run(["train"], in: folder, program: program)
        #expect(result.status == 1)
        // Where the folder of temporary files is a link, the program sees where it leads.
        #expect(
            result.errors.hasPrefix("Error: Fashion-MNIST is not set up: there is no folder .deps/data/fashion-mnist "))
        #expect(
            result.errors.hasSuffix(
                " or where this program was built: run 'make setup' in the package, or give a folder of IDX files by "
                    + "--data\n"))
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    /// The set-up's own folder must hold Fashion-MNIST to the byte.
    @Test func aSetUpWithOtherFiles() throws {
        let place = folder(".deps/data/fashion-mnist")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        for name in folder.names where name.hasSuffix("ubyte") {
            try FileManager.default.moveItem(atPath: folder(name), toPath: "\(place)/\(name)")
        }
        let result = try Tool.run(["train"], in: folder)
        #expect(result.status == 1)
        #expect(
            result.errors.contains(
                "/.deps/data/fashion-mnist/t10k-labels-idx1-ubyte is not the file that is expected: its SHA-256 is "))
        #expect(folder.names == [".deps"])
    }
}
