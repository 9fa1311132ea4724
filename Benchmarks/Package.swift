// swift-tools-version: 6.3
import PackageDescription

// Measurements that are no part of the library: `swift run -c release --package-path Benchmarks step-ratio`.
let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-kfac", path: "..")],
    targets: [
        .executableTarget(
            name: "step-ratio",
            dependencies: [
                .product(name: "KFAC", package: "swift-kfac"), .product(name: "TorchNN", package: "swift-kfac"),
                .product(name: "Torch", package: "swift-kfac"),
            ])
    ]
)
