import ArgumentParser
import Testing

@testable import kfac_tool

/// What an option is stored and compared by is read from its declaration.
@Suite struct DeclaredOptionTests {
    private struct Inner: ParsableArguments {
        @Option var stepCount: Int?
    }

    private struct Outer: ParsableArguments {
        @Option var seed: UInt64 = 0
        @Flag var fast = false
        @Flag(inversion: .prefixedNo) var guards = true
        @OptionGroup var inner: Inner
        @Option var path: String?
    }

    private static func texts(_ arguments: [String]) throws -> [String] {
        DeclaredOption.all(of: try Outer.parse(arguments)).map { "\($0.property) \($0.name) \($0.text ?? "-")" }
    }

    @Test func allOptionsAreFound() throws {
        let names = ["seed --seed", "fast --fast", "guards --no-guards", "stepCount --step-count", "path --path"]
        #expect(try Self.texts([]) == zip(names, ["0", "-", "-", "-", "-"]).map { "\($0) \($1)" })
        let given = ["--fast", "--no-guards", "--step-count", "3", "--seed", "7", "--path", "x"]
        #expect(try Self.texts(given) == zip(names, ["7", "on", "on", "3", "x"]).map { "\($0) \($1)" })
        #expect(DeclaredOption.names(in: Inner.self) == ["--step-count"])
    }
}

/// A problem and a method are values: what they say of themselves fits the options that there are.
@Suite struct BuiltInValueTests {
    @Test func optionsOfProblemsAndMethodsExist() throws {
        let known = Set(DeclaredOption.all(of: try Train.parse([])).map(\.name))
        for problem in BuiltInProblem.all {
            #expect(problem.options.isSubset(of: known))
            #expect(Set(problem.learningRates.keys).isSubset(of: OptimizationMethod.allValueStrings))
            #expect(Set(problem.inversePeriods.keys).isSubset(of: OptimizationMethod.allValueStrings))
        }
        for method in OptimizationMethod.all { #expect(method.options.isSubset(of: known)) }
    }

    @Test func eachOptionOfKFACHasADefault() {
        let options = Set(
            KFACDefaults().all.keys.map { "--" + $0.map { $0.isUppercase ? "-\($0.lowercased())" : "\($0)" }.joined() })
        #expect(options == DeclaredOption.names(in: KFACOptions.self))
    }
}
