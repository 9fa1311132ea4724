import Testing

@testable import Benchmarking
@testable import Reports
@testable import Training

@Suite struct CaseTests {
    @Test(arguments: BenchmarkCase.standard + Scaling.cases) func namesAreParsed(_ c: BenchmarkCase) {
        #expect(BenchmarkCase(c.description) == c)
    }

    @Test func namesAreDistinct() {
        #expect(Set(BenchmarkCase.standard).count == BenchmarkCase.standard.count)
        #expect(Set(Scaling.cases).count == Scaling.cases.count)
    }

    @Test(arguments: [
        ("input-factor/2x4x6x6", BenchmarkCase.inputFactor(.same, [2, 4, 6, 6])),
        ("input-factor-5x5/1x2x3x4", .inputFactor(.large, [1, 2, 3, 4])),
        ("output-factor/1x2x3x4", .outputFactor([1, 2, 3, 4])),
        ("dense-factor/3x4", .denseFactor(rows: 3, features: 4)),
        ("inverse/7", .inverse(dimension: 7)), ("precondition/2x3", .preconditioning(outputs: 2, inputs: 3)),
        ("step/resnet56/8", .step(.resNet(depth: 56), batchSize: 8)),
        ("step/convnet/256", .step(.convNet, batchSize: 256)),
        ("step/convnet-moments", .step(.moments(of: .convNet), batchSize: 256)),
        ("step/resnet56-moments/8", .step(.moments(of: .resNet(depth: 56)), batchSize: 8)),
        ("step/convnet", .step(.convNet, batchSize: 256)),
    ]) func sizesOfOnesOwn(name: String, expected: BenchmarkCase) {
        #expect(BenchmarkCase(name) == expected)
    }

    @Test(arguments: [
        "", "/", "input-factor", "input-factor/", "input-factor/2x4x6", "input-factor/2x4x6x6x8",
        "input-factor/0x4x6x6",
        "input-factor/2x-4x6x6", "input-factor/2x4x6x+6", "input-factor/2x4x6x06", "input-factor/2x4x6xy",
        "input-factor/65536x65536x65536x65536", "input-factor/65537x1x1x1", "inverse/1x2",
        "inverse/99999999999999999999",
        "step", "step/", "step/resnet", "step/resnet21", "step/resnet020", "step/convnet/", "step/convnet/0",
        "step/convnet/2/3", "step/-moments", "step/convnet-moments-moments", "Inverse/5", " inverse/5",
    ]) func otherNamesAreRefused(name: String) { #expect(BenchmarkCase(name) == nil) }

    @Test func patternsChoose() throws {
        func names(_ patterns: String...) throws -> [String] {
            try BenchmarkCase.standard.matching(patterns).map(\.description)
        }
        #expect(try names("inverse") == ["inverse/577", "inverse/1153", "inverse/2305", "inverse/4609"])
        #expect(try names("inverse/1153", "inverse/5") == ["inverse/1153", "inverse/5"])
        #expect(try names("input-factor").count == 8)
        #expect(try names("input-factor-s") == ["input-factor-strided/128x64x16x16"])
        // A whole name means its case, whatever else begins with it.
        #expect(try names("step/autoencoder") == ["step/autoencoder"])
        #expect(try names("step/auto", "step").count == 9)
    }

    /// Patterns that choose nothing, and what is said to be there.
    static let unknown: [(String, String)] = [
        ("", "a name of 'kfac bench --list'"), ("input-factors", "a name of 'kfac bench --list'"),
        ("nverse", "a name of 'kfac bench --list'"),
        ("inverse/0", "one of inverse/577, inverse/1153, inverse/2305, inverse/4609"),
        ("precondition/3", "one of precondition/512x4609, precondition/64x577, precondition/1000x1001"),
    ]

    @Test(arguments: unknown.indices) func unknownPatternsListTheirFamily(index: Int) {
        let (pattern, names) = Self.unknown[index]
        let error = #expect(throws: BenchmarkError.self) { try BenchmarkCase.standard.matching(["inverse", pattern]) }
        #expect(
            error?.description
                == "there is no case '\(pattern)': give \(names), the beginning of such a name, or sizes of "
                + "your own from 1 to 65536 as in \(BenchmarkCase.forms.joined(separator: ", "))")
    }
}
