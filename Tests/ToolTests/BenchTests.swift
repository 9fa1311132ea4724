import Foundation
import TestSupport
import Testing

@Suite struct BenchTests {
    let folder = TemporaryFolder()

    @Test func aTinyCaseIsTimed() throws {
        let result = try Tool.run(
            [
                "bench", "--case", "input-factor/2x4x6x6", "--case", "inverse/6", "--case", "step/resnet8/2",
                "--repeats",
                "2", "--threads", "1", "--json", "bench.json",
            ], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        // Nothing is drawn where nobody looks.
        #expect(result.errors == "")
        let names = result.lines.compactMap { $0.split(separator: " ").first }
        for name in ["case", "input-factor/2x4x6x6", "inverse/6", "step/resnet8/2", "medians:"] {
            #expect(names.contains { $0 == name })
        }

        #expect(folder.names == ["bench.json"])
        let content = try Data(contentsOf: URL(fileURLWithPath: folder("bench.json")))
        let report = try #require(try JSONSerialization.jsonObject(with: content) as? [String: Any])
        let machine = try #require(report["machine"] as? [String: Any])
        #expect(machine["threads"] as? Int == 1)
        for name in ["peak_gflops", "peak_gflops_one_thread", "copy_gbytes_per_second"] {
            #expect(machine[name] as? Double ?? 0 > 0, "\(name)")
        }
        #expect(machine["load"] as? Double ?? -1 >= 0)
        let results = try #require(report["results"] as? [[String: Any]])
        #expect(results.map { $0["case"] as? String } == ["input-factor/2x4x6x6", "inverse/6", "step/resnet8/2"])
        for result in results {
            for name in ["seconds", "cpu_seconds", "bound_seconds", "flops", "bytes"] {
                #expect(result[name] as? Double ?? 0 > 0, "\(name)")
            }
            #expect((result["samples"] as? [Double])?.count == 2)
        }
        #expect(results.map { $0["plain_seconds"] != nil } == [true, false, false])
        #expect(results.map { $0["eigh_seconds"] != nil } == [false, true, false])
        #expect(results.map { $0["sgd_seconds"] != nil } == [false, false, true])
        let phases = try #require(results[2]["phases"] as? [String: Double])
        #expect(phases.keys.contains("curvature_backward"))
        #expect(results[2]["statistics_share"] as? Double ?? 0 > 0)
    }

    @Test func scalingLeavesATableAndAPage() throws {
        let result = try Tool.run(
            [
                "bench", "--scaling", "--case", "inverse/145", "--repeats", "1", "--csv", "scaling.csv", "--page",
                "scaling.html",
            ], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        let table = try String(contentsOfFile: folder("scaling.csv"), encoding: .utf8).split(separator: "\n")
        #expect(table.count == 2)
        #expect(table.last?.hasPrefix("dimension,145,inverse/145,") == true)
        #expect(
            try String(contentsOfFile: folder("scaling.html"), encoding: .utf8).contains(
                "Inverse of a factor of half rank"))
    }

    @Test func casesAreListed() throws {
        let all = try Tool.run(["bench", "--list"], in: folder)
        #expect(all.status == 0)
        #expect(all.lines.count == 33)
        #expect(all.lines.first == "input-factor/256x32x28x28")
        let some = try Tool.run(["bench", "--list", "--case", "step/auto"], in: folder)
        #expect(some.lines == ["step/autoencoder", "step/autoencoder-fractions"])
        let scaling = try Tool.run(["bench", "--list", "--scaling"], in: folder)
        #expect(scaling.lines.contains("step/resnet56/64"))
    }

    @Test(arguments: [
        (
            ["--repeats", "0"],
            "The value '0' is invalid for '--repeats <count>': it must be a whole number from 1 to 1000."
        ),
        (
            ["--threads", "0"],
            "The value '0' is invalid for '--threads <count>': it must be a whole number from 1 to 1024."
        ),
        (["--json", ""], "--json needs the path of a file; an empty text was given."),
        (["--csv", "a.csv"], "--csv is for --scaling only."),
        (["--page", "a.html"], "--page is for --scaling only."),
    ]) func badValuesAreTold(arguments: [String], message: String) {
        Tool.expectBadUsage(["bench"] + arguments, message)
    }

    @Test func anUnknownCaseIsToldWithTheKnownOnes() throws {
        let result = try Tool.run(["bench", "--case", "input-factor/2x4x6"], in: folder)
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(
            result.errors.hasPrefix(
                "Error: there is no case 'input-factor/2x4x6': give one of input-factor/256x32x28x28, "))
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    @Test func anUnwritableFileIsToldBeforeAnythingIsTimed() throws {
        let result = try Tool.run(
            ["bench", "--case", "inverse/6", "--json", "missing/bench.json"], in: folder)
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(result.errors.hasPrefix("Error: missing/bench.json cannot be written: there is no folder "))
        #expect(folder.names == [])
    }
}
