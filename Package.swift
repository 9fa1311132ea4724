// swift-tools-version: 6.3
import PackageDescription

/// Where libtorch lies: `$LIBTORCH`, or where `make setup` puts it inside this package.
///
/// A dependency's manifest is evaluated with its own directory, so a package that depends on this one
/// finds the same folder and needs no environment variable either.
let libtorch =
    if let folder = Context.environment["LIBTORCH"], !folder.isEmpty { folder } else {
        "\(Context.packageDirectory)/.deps/libtorch"
    }

let libtorchHeaders: [CXXSetting] = [
    .unsafeFlags(["-I\(libtorch)/include", "-I\(libtorch)/include/torch/csrc/api/include"])
]

let libtorchLibraries: [LinkerSetting] = [
    .unsafeFlags(["-L\(libtorch)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(libtorch)/lib"]),
    // `torch` itself is referenced by nothing, but pulls in the CUDA libraries of a CUDA build.
    .linkedLibrary("torch"), .linkedLibrary("torch_cpu"), .linkedLibrary("c10"), .linkedLibrary("m"),
]

let cxxWarnings: [CXXSetting] = [
    .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
]

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "swift-kfac",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "KFAC", targets: ["KFAC"]),
        .library(name: "FirstOrder", targets: ["FirstOrder"]),
        .library(name: "Optimization", targets: ["Optimization"]),
        .library(name: "Curvature", targets: ["Curvature"]),
        .library(name: "Torch", targets: ["Torch"]),
        .library(name: "TorchNN", targets: ["TorchNN"]),
        .library(name: "Datasets", targets: ["Datasets"]),
        .library(name: "Training", targets: ["Training"]),
        .library(name: "Comparisons", targets: ["Comparisons"]),
        .library(name: "Benchmarking", targets: ["Benchmarking"]),
        .library(name: "Reports", targets: ["Reports"]),
        .executable(name: "kfac", targets: ["kfac-tool"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
    ],
    targets: [
        // Second moments and inverses on plain memory; optimised in debug builds, too, where they would take most of
        // the tests' time.
        .target(
            name: "CKernels",
            cxxSettings: cxxWarnings + [.unsafeFlags(["-O2"], .when(configuration: .debug))]),
        // libtorch behind a plain C interface.
        .target(
            name: "CTorch", dependencies: ["CKernels"],
            // They are parts of `operators.cpp`.
            exclude: [
                "autograd.cpp", "indexing.cpp", "kernels.cpp", "linalg.cpp", "math.cpp", "memory.cpp", "moments.cpp",
                "nn.cpp", "random.cpp", "runtime.cpp", "tensor.cpp",
            ],
            // C++20 would have the compiler import the kernels' header as a module, which nobody has built for it.
            cxxSettings: libtorchHeaders + cxxWarnings + [.unsafeFlags(["-fno-cxx-modules"])],
            linkerSettings: libtorchLibraries),
        // Tensors, autograd, linear algebra, random generators, files.
        .target(name: "Torch", dependencies: ["CTorch"], swiftSettings: swiftSettings),
        // Layers, initialisers, models.
        .target(name: "TorchNN", dependencies: ["Torch"], swiftSettings: swiftSettings),
        // Hashes of files; optimised in debug builds, too, where they would take longer than all else.
        .target(
            name: "Checksums", swiftSettings: swiftSettings + [.unsafeFlags(["-O"], .when(configuration: .debug))]),
        // Files in, batches out.
        .target(name: "Datasets", dependencies: ["Torch", "Checksums"], swiftSettings: swiftSettings),
        // The curvature of a model: knows operations and parameters, not models or optimisers.
        .target(name: "Curvature", dependencies: ["Torch"], swiftSettings: swiftSettings),
        // What all optimisers share: steps and their reports, schedules, guards.
        .target(name: "Optimization", dependencies: ["Curvature", "Torch"], swiftSettings: swiftSettings),
        // SGD, Adam, Shampoo, SOAP, Muon.
        .target(
            name: "FirstOrder", dependencies: ["Optimization", "Curvature", "Torch"], swiftSettings: swiftSettings),
        // The optimiser that uses the curvature.
        .target(
            name: "KFAC", dependencies: ["FirstOrder", "Optimization", "Curvature", "Torch"],
            swiftSettings: swiftSettings),
        // The loop, its problems, events, metrics and checkpoints.
        .target(
            name: "Training", dependencies: ["KFAC", "FirstOrder", "TorchNN", "Datasets", "Torch", "Checksums"],
            swiftSettings: swiftSettings),
        // Charts, tables and pages, of whatever.
        .target(name: "Reports", dependencies: ["Torch"], swiftSettings: swiftSettings),
        // Methods side by side on one problem.
        .target(
            name: "Comparisons", dependencies: ["Training", "Reports", "KFAC", "Datasets", "Torch"],
            swiftSettings: swiftSettings),
        // The times of parts and of whole steps.
        .target(
            name: "Benchmarking",
            dependencies: ["Training", "Reports", "KFAC", "FirstOrder", "TorchNN", "Torch"],
            swiftSettings: swiftSettings),
        // The command `kfac`. Not named so: beside `KFAC` that would collide on file systems that ignore case.
        .executableTarget(
            name: "kfac-tool",
            dependencies: [
                "Training", "Comparisons", "Benchmarking", "KFAC", "FirstOrder", "Datasets", "TorchNN", "Torch",
                argumentParser,
            ],
            swiftSettings: swiftSettings),

        .target(
            name: "TestSupport", dependencies: ["Torch"], path: "Tests/TestSupport",
            swiftSettings: swiftSettings),
        // What is fuzzed: by the tests for a while, and by the program in `Fuzz` for long.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Training", "Comparisons", "Benchmarking", "KFAC", "FirstOrder", "Optimization", "Curvature",
                "Datasets", "TorchNN", "Torch", "Checksums",
            ],
            path: "Fuzz/Sources/Targets", swiftSettings: swiftSettings),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzTargets", "kfac-tool", "Training", argumentParser],
            swiftSettings: swiftSettings),
        .testTarget(name: "TorchTests", dependencies: ["Torch", "TestSupport"], swiftSettings: swiftSettings),
        .testTarget(
            name: "TorchNNTests", dependencies: ["TorchNN", "TestSupport"], resources: [.copy("Golden")],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "DatasetsTests", dependencies: ["Datasets", "Checksums", "TestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "KFACTests",
            dependencies: ["KFAC", "FirstOrder", "Optimization", "Curvature", "TorchNN", "TestSupport"],
            resources: [.copy("Golden")], swiftSettings: swiftSettings),
        .testTarget(
            name: "TrainingTests", dependencies: ["Training", "Checksums", "TestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(name: "ReportsTests", dependencies: ["Reports"], swiftSettings: swiftSettings),
        .testTarget(
            name: "ComparisonsTests", dependencies: ["Comparisons", "TestSupport"], swiftSettings: swiftSettings),
        .testTarget(
            name: "BenchmarkingTests", dependencies: ["Benchmarking", "TestSupport"], swiftSettings: swiftSettings),
        .testTarget(
            name: "ToolTests", dependencies: ["kfac-tool", "Training", "TestSupport", argumentParser],
            exclude: ["Snapshots"],
            swiftSettings: swiftSettings),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx20
)

// The program of `Fuzz/run`, only where that builds it: its `main` is libFuzzer's, which Swift's toolchain for Linux
// brings along.
if Context.environment["KFAC_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "FuzzTargets", "Training", "Comparisons", "Benchmarking", "KFAC", "FirstOrder", "Optimization",
                "Curvature", "Datasets", "TorchNN", "Torch", "Checksums", argumentParser,
            ],
            path: "Fuzz/Sources/Program",
            // The sources of the command are linked in there: a program cannot be a part of another one.
            exclude: ["Tool/KFACTool+Main.swift"],
            swiftSettings: swiftSettings + [.define("FUZZ_PROGRAM"), .unsafeFlags(["-parse-as-library"])]))
}
