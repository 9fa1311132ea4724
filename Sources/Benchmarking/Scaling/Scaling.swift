/// How times grow with the work, along one axis at a time.
public struct Scaling: Sendable, Hashable {
    /// The quantity that grows, in a word: the first column of the table.
    public var axis: String
    /// The title of the measurement.
    public var title: String
    /// The unit of the numbers along the axis.
    public var unit: String
    /// The numbers, and the case for each.
    public var points: [Point]

    /// A place on the axis.
    public struct Point: Sendable, Hashable {
        /// How many examples, channels or layers.
        public var value: Int
        /// The case that is timed there.
        public var benchmarkCase: BenchmarkCase
    }

    private init(_ axis: String, _ title: String, _ unit: String, _ values: [Int], _ make: (Int) -> BenchmarkCase) {
        self.axis = axis
        self.title = title
        self.unit = unit
        points = values.map { Point(value: $0, benchmarkCase: make($0)) }
    }

    private static let batches = [64, 128, 256, 512, 1024, 2048, 4096]

    /// All axes that `kfac bench --scaling` goes along.
    public static let standard = [
        Scaling("factor-batch", "Input factor of a 3×3 convolution: 32 channels, 14×14 pixels", "examples", batches) {
            .inputFactor(.same, [$0, 32, 14, 14])
        },
        Scaling(
            "channels", "Input factor of a 3×3 convolution: 64 examples, 14×14 pixels", "channels",
            [16, 32, 64, 128, 256, 512]
        ) { .inputFactor(.same, [64, $0, 14, 14]) },
        Scaling(
            "dimension", "Inverse of a factor of half rank", "rows", [145, 289, 577, 1153, 2305, 4609]
        ) { .inverse(dimension: $0) },
        Scaling("step-batch", "Step of the convolutional network", "examples", batches) {
            .step(.convNet, batchSize: $0)
        },
        Scaling("depth", "Step of a ResNet, 64 examples", "layers", [8, 14, 20, 32, 44, 56]) {
            .step(.resNet(depth: $0), batchSize: 64)
        },
    ]

    /// The cases of all axes, each once: where axes cross, a case lies on both.
    public static var cases: [BenchmarkCase] {
        standard.flatMap(\.points).reduce(into: []) { cases, point in
            if !cases.contains(point.benchmarkCase) { cases.append(point.benchmarkCase) }
        }
    }
}
