// swift-tools-version: 6.3
import PackageDescription

// What a package looks like that uses this one. Set up once in swift-kfac, it needs no environment variables itself.
let package = Package(
    name: "Consumer",
    platforms: [.macOS(.v15)],
    dependencies: [
        // From elsewhere this would be the repository's URL. A link to the folder above, as SwiftPM knows a package by the
        // last name of its path, and that folder's own name may be anything, this package's, too.
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
