import ArgumentParser
import Torch

/// The command `kfac`.
struct KFACTool: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "kfac",
        abstract: "Train neural networks with Kronecker-factored curvature (K-FAC).",
        version: version,
        subcommands: [Train.self, Compare.self, Bench.self])
}

/// Why a command could not be carried out, in one sentence for the user.
struct ToolError: DescribedError {
    let description: String

    init(_ description: String) { self.description = description }
}
