import ArgumentParser
import KFAC
import Torch
import TorchNN
import Training

/// The problem and its data.
struct ProblemOptions: ParsableArguments {
    @Option(help: "The problem.")
    var problem: BuiltInProblem = .convolutional

    @Option(
        help: ArgumentHelp(
            "The folder of the images.",
            discussion: """
                For fashion-mnist-...: the four IDX files of a data set in the form of MNIST, plain or .gz; by default the \
                Fashion-MNIST that 'make setup' puts into .deps/data/fashion-mnist. For resnet20: the binary version of \
                CIFAR-10, that is data_batch_1.bin to data_batch_5.bin and test_batch.bin, in the folder or in its \
                cifar-10-batches-bin, or the four IDX files; by default synthetic images.
                """,
            valueName: "folder"))
    var data: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Train on the first examples only.", valueName: "count"),
        transform: SettingBounds.trainLimit.count)
    var trainLimit: Int?

    @Flag(help: "For \(BuiltInProblem.names(having: "--augment")): crop and mirror the images at random.")
    var augment = false

    @Option(
        help: ArgumentHelp(
            "For \(BuiltInProblem.names(having: "--initialization")): weights after Glorot & Bengio 2010 (xavier), or "
                + "15 normally distributed ones per unit (sparse, Martens 2010), which take far longer to train. "
                + "(default: \(Self.defaultInitialization.rawValue))",
            valueName: "weights"))
    var initialization: InitializationName?

    @Option(
        help: ArgumentHelp(
            "For images: what layers compute in, in training. bfloat16 is mixed precision: parameters, statistics and "
                + "steps stay in float32; quicker on processors with AVX-512 BF16. (default: float32)",
            valueName: "type"))
    var precision: PrecisionName?

    @Option(
        help: ArgumentHelp(
            "For \(BuiltInProblem.names(having: "--layout")): how images lie in memory, channels-last or standard. "
                + "(default: the faster one: channels-last on x86 processors)", valueName: "layout"),
        transform: ProblemOptions.layout(named:))
    var layout: ImageLayout?

    /// The layout of that name.
    static func layout(named name: String) throws -> ImageLayout {
        guard let layout = ImageLayout(rawValue: name) else {
            throw ValidationError("the layouts of images are called channels-last and standard.")
        }
        return layout
    }

    static let defaultInitialization = InitializationName.xavier

    /// What holds where nothing is given, by the options' properties.
    static var defaults: [String: Any] { ["initialization": defaultInitialization] }

    func validate() throws {
        if data == "" { throw ValidationError("--data needs the path of a folder; an empty text was given.") }
    }

    /// The options that have no effect on the problem.
    var misplaced: [MisplacedOption] {
        let others = Set(BuiltInProblem.all.flatMap(\.options)).subtracting(problem.options)
        var list = DeclaredOption.all(of: self).filter { $0.isGiven && others.contains($0.name) }.map { option in
            MisplacedOption(
                option.name,
                "\(option.name) is for --problem \(BuiltInProblem.names(having: option.name)) only; the problem is "
                    + "\(problem).")
        }
        if data != nil, problem.images == nil {
            list.append(
                MisplacedOption(
                    "--data", "--data is for images only; the problem \(problem) draws its points itself."))
        }
        return list
    }
}

/// What layers compute in.
enum PrecisionName: String, CaseIterable, ExpressibleByArgument, Encodable {
    case float32
    case bfloat16
}

/// How the weights of the autoencoder begin.
enum InitializationName: String, CaseIterable, ExpressibleByArgument, Encodable {
    case xavier
    case sparse

    var initializer: Initializer {
        switch self {
        case .xavier: .xavierUniform()
        case .sparse: .sparse()
        }
    }
}
