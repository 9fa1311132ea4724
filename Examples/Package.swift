// swift-tools-version: 6.3
import PackageDescription

// Complete programs that use the library, and what a package looks like that depends on it. Set up once in swift-kfac,
// it needs no environment variables itself.
let package = Package(
    name: "Examples",
    platforms: [.macOS(.v15)],
    dependencies: [
        // From elsewhere this would be the repository's URL. Here it is a link to the repository: SwiftPM identifies a
        // package by the last part of its path, and a clone may have any name, even this package's.
        .package(path: "swift-kfac")
    ],
    targets: [
        // A classifier and a loop of your own.
        .executableTarget(name: "TwoMoons", dependencies: products("KFAC", "TorchNN", "Torch")),
        // A model, data and a problem of your own in the library's training loop.
        .executableTarget(
            name: "TrainYourModel", dependencies: products("Training", "KFAC", "Datasets", "TorchNN", "Torch")),
        // An operation with parameters and a block of curvature of your own.
        .executableTarget(name: "CustomOperation", dependencies: products("KFAC", "Torch")),
        // Curvature without an optimiser: the uncertainty of a regression.
        .executableTarget(name: "Uncertainty", dependencies: products("KFAC", "TorchNN", "Torch")),
    ]
)

func products(_ names: String...) -> [Target.Dependency] { names.map { .product(name: $0, package: "swift-kfac") } }
