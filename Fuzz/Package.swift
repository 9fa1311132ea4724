// swift-tools-version: 6.3
import PackageDescription

// Coverage-guided fuzzing by libFuzzer, which Swift's toolchain for Linux brings along. A package of its own, because
// its program has libFuzzer's `main`, and everything in it is compiled with sanitizers: see `Fuzz/run`.
let package = Package(
    name: "Fuzz",
    platforms: [.macOS(.v15)],
    // A link to the folder above: SwiftPM identifies a package by the last part of its path, and clones have any name.
    dependencies: [.package(path: "swift-kfac")],
    targets: [
        .executableTarget(
            name: "fuzz",
            dependencies: ["KFAC", "Torch", "TorchNN", "Datasets", "Training"].map {
                .product(name: $0, package: "swift-kfac")
            },
            // The tests of the main package run the same parsers, from `Sources/Targets`.
            path: "Sources",
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"), .unsafeFlags(["-parse-as-library"]),
            ])
    ],
    swiftLanguageModes: [.v6]
)
