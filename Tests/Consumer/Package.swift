// swift-tools-version: 6.3
import PackageDescription

// What a package looks like that uses this one. Set up once in swift-kfac, it needs no environment variables itself.
let package = Package(
    name: "Consumer",
    platforms: [.macOS(.v15)],
    dependencies: [
        // From elsewhere this would be the repository's URL; the folder's own name may be anything.
        .package(name: "swift-kfac", path: "../..")
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
