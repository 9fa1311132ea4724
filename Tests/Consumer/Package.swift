// swift-tools-version: 6.3
import PackageDescription

// What a package looks like that uses this one. Set up once in swift-kfac, it needs no environment variables itself.
let package = Package(
    name: "Consumer",
    platforms: [.macOS(.v15)],
    dependencies: [
        // From elsewhere this would be the repository's URL. Here it is a link to the repository: SwiftPM identifies a
        // package by the last part of its path, and a clone may have any name, even this package's.
        .package(path: "swift-kfac")
    ],
    targets: [
        .executableTarget(
            name: "Consumer",
            dependencies: [
                .product(name: "KFAC", package: "swift-kfac"),
                .product(name: "TorchNN", package: "swift-kfac"),
                .product(name: "Torch", package: "swift-kfac"),
            ])
    ]
)
