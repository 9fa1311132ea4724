import ArgumentParser
import Foundation
import TestSupport
import Testing
import Torch

@testable import kfac_tool

/// A resumed run that is told to be another one says which options differ, as they are typed.
@Suite struct ResumeOptionTests {
    /// The layout that a run does not have by itself.
    static let otherLayout =
        (ImageLayout.preferred(for: .float32, on: .cpu) == .standard ? ImageLayout.channelsLast : .standard).rawValue

    /// A run's options, and one of which each changes.
    static let changes: [(run: String, change: String, option: String)] =
        [
            ("", "--problem poisson", "--problem"), ("", "--train-limit 7", "--train-limit"),
            ("--problem resnet20", "--augment", "--augment"), ("", "--layout \(otherLayout)", "--layout"),
            ("--problem fashion-mnist-autoencoder", "--initialization sparse", "--initialization"),
            ("", "--precision bfloat16", "--precision"),
            ("", "--optimizer adam", "--optimizer"), ("", "--learning-rate 0.3", "--learning-rate"),
            ("", "--learning-rate-schedule cosine", "--learning-rate-schedule"), ("", "--momentum 0.3", "--momentum"),
            ("--step-rule quadratic-model", "--momentum 0.9", "--momentum"),
            ("--optimizer sgd", "--nesterov", "--nesterov"),
            ("--optimizer sgd", "--weight-decay 0.1", "--weight-decay"),
            ("", "--inverse-period 3", "--inverse-period"), ("", "--no-guards", "--no-guards"),
            ("--no-guards", "--guards", "--no-guards"), ("", "--step-rule gradient-momentum", "--step-rule"),
            ("--step-rule eigenbasis-moments", "--cautious", "--cautious"),
            ("--step-rule eigenbasis-moments", "--momentum 0.9", "--momentum"),
            ("--step-rule eigenbasis-moments", "--inverse-schedule together", "--inverse-schedule"),
            ("--optimizer soap", "--nesterov", "--nesterov"), ("--step-rule fixed", "--damping 0.3", "--damping"),
            ("--step-rule fixed --damping 0.3", "--damping 0.4", "--damping"),
            ("--step-rule fixed", "--damping-rule adaptive", "--damping-rule"),
            ("--step-rule fixed --damping-rule adaptive", "--damping-interval 3", "--damping-interval"),
            ("--step-rule fixed --damping-rule adaptive", "--damping 0.3", "--damping"),
            ("--step-rule fixed --damping-rule adaptive", "--damping-decay 0.5", "--damping-decay"),
            ("--step-rule fixed --damping-rule adaptive", "--minimum-damping 0.05", "--minimum-damping"),
            ("--step-rule fixed", "--damping-split exact", "--damping-split"),
            ("--step-rule fixed", "--eigenvalues examples", "--eigenvalues"),
            ("--step-rule fixed", "--norm-constraint 1", "--norm-constraint"),
            ("", "--estimation exact", "--estimation"), ("", "--statistics-period 3", "--statistics-period"),
            ("", "--statistics-fraction 0.5", "--statistics-fraction"),
            ("--step-rule quadratic-model", "--model-fraction 0.5", "--model-fraction"),
            ("", "--inverse-schedule background", "--inverse-schedule"),
            ("--step-rule fixed --inverse-schedule when-stale", "--staleness 0.5", "--staleness"),
            ("", "--burn-in 1", "--burn-in"),
            ("", "--dimension-limit 100", "--dimension-limit"), ("", "--l2 0.1", "--l2"),
            ("", "--batch-size 7", "--batch-size"),
            ("", "--batch-growth 7", "--batch-growth"),
            ("", "--test-period 7", "--test-period"), ("", "--test-limit 7", "--test-limit"),
            ("", "--average 0.5", "--average"), ("", "--initial-weights w", "--initial-weights"),
            ("", "--seed 7", "--seed"),
            ("", "--device cuda", "--device"),
        ]

    /// Options that change no run, or a run's length only, or whose content counts.
    static let unchanging: Set<String> = [
        "data", "epochs", "steps", "output", "quiet", "resume", "checkpoint-interval", "checkpoint-period",
        "keep-checkpoints", "no-checkpoints", "threads", "products", "version", "help", "guards",
    ]

    private static func command(_ line: String) throws -> Train {
        try Train.parse(line.split(separator: " ").map(String.init))
    }

    /// By the arguments, and where they are lost, by a checkpoint's own settings.
    @Test(arguments: changes.indices) func exactlyTheChangedOptionIsNamedAndStored(index: Int) throws {
        let (run, change, option) = Self.changes[index]
        let commands = (stored: try Self.command(run), current: try Self.command("\(run) \(change)"))
        let (stored, current) = (commands.stored.chosen(), commands.current.chosen())
        let difference = try #require(ChosenOption.difference(stored: stored, current: current))
        #expect(
            difference.wholeMatch(of: /(--[-a-z0-9]+) is [-.:\w]+( given)? there and [-.:\w]+ here/)?.1 ?? "" == option)
        // Both ways.
        #expect(ChosenOption.difference(stored: current, current: stored)?.hasPrefix("\(option) is ") == true)
        #expect(ChosenOption.difference(stored: current, current: current) == nil)

        let settings = [commands.stored, commands.current].map(Self.settings)
        let changeable = try settings[0].changeable().union(settings[1].changeable())
        let compared = try settings.map { try $0.compared().filter { !changeable.contains($0.key) } }
        #expect(compared[0] != compared[1], "\(option) is not stored")
    }

    /// The settings of a run on data that nobody reads.
    private static func settings(_ command: Train) -> RunSettings {
        RunSettings(
            command, arguments: [], isNew: false,
            optimizer: command.optimizerOptions.setup(steps: 10, problem: command.problemOptions.problem),
            dataset: nil, normalization: nil, trainingExamples: command.problemOptions.trainLimit ?? 100,
            layout: command.problemOptions.layout ?? .preferred(for: .float32, on: .cpu))
    }

    @Test func whatIsStoredFollowsFromTheOptions() throws {
        let line = "--step-rule fixed --damping-rule adaptive --damping 0.3 --seed 7"
        let settings = try [line, line].map { Self.settings(try Self.command($0)) }
        #expect(try settings[0].compared() == settings[1].compared())
    }

    /// The fields that earlier versions stored, by which their runs are resumed.
    @Test func storedFieldsKeepTheirNames() throws {
        let line =
            "--steps 3 --batch-growth 3 --test-period 3 --test-limit 3 --average 0.5 --initial-weights w --optimizer sgd"
        let common: Set = [
            "version", "problem", "trainingExamples", "batchSize", "batchGrowth", "testPeriod", "testLimit", "average",
            "initialWeights", "seed", "device", "threads", "products", "libtorch", "steps",
        ]
        for (problem, own) in [
            ("poisson", []), ("resnet20", ["augment", "layout"]), ("fashion-mnist-autoencoder", ["initialization"]),
        ] {
            let stored = try Self.settings(Self.command("\(line) --problem \(problem)")).compared()
            let names = Set(stored.keys.filter { !$0.hasPrefix("optimizer.") })
            // The encoder for files writes snake case.
            #expect(names == Set(common.union(own).map(snakeCase)), "\(names.sorted())")
            #expect(stored["optimizer.method"] == "sgd")
        }
    }

    private func snakeCase(_ name: String) -> String {
        name.map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined()
    }

    @Test func noOptionIsForgotten() throws {
        let names = NumericOptionTests.train + NumericOptionTests.others["train"]!
        let changing = Set(Self.changes.map { String($0.option.dropFirst(2)) })
        #expect(Set(names) == changing.union(Self.unchanging))
        #expect(Set(try Self.command("").chosen().map { String($0.name.dropFirst(2)) }) == changing)
    }

    /// A path that is stored must mean the same from another folder.
    @Test func allPathsAreMadeAbsolute() throws {
        struct Help: Decodable {
            struct Argument: Decodable {
                struct Name: Decodable { let name: String }
                let names: [Name]?
                let valueName: String?
            }
            struct Command: Decodable {
                let commandName: String
                let subcommands: [Command]?
                let arguments: [Argument]?
            }
            let command: Command
        }
        let help = try JSONDecoder().decode(Help.self, from: Data(KFACTool._dumpHelp().utf8))
        let train = try #require(help.command.subcommands?.first { $0.commandName == "train" })
        let paths = (train.arguments ?? []).filter { ["folder", "file"].contains($0.valueName) }
            .flatMap { $0.names ?? [] }.map { "--\($0.name)" }
        #expect(Set(paths) == Set(StoredArguments.paths + ["--resume"]))
    }

    /// What the run has by default is no change.
    @Test func defaultsThatAreGivenAreNoDifference() throws {
        let stored = try Self.command("--step-rule fixed")
        let current = try Self.command(
            "--step-rule fixed --damping 0.1 --learning-rate 0.1 --momentum 0.9 --inverse-period 10 --batch-size 256 "
                + "--guards --l2 0 --seed 0 --precision float32"
        )
        #expect(ChosenOption.difference(stored: stored.chosen(), current: current.chosen()) == nil)
        let isGiven = try ["", "--precision float32"].map { try Self.settings(Self.command($0)).compared() }
        #expect(isGiven[0] == isGiven[1])
        for layout in ImageLayout.allCases {
            let given = try Self.command("--step-rule fixed --layout \(layout.rawValue)")
            #expect(ChosenOption.difference(stored: stored.chosen(layout), current: given.chosen(layout)) == nil)
        }
        let rule = "--step-rule eigenbasis-moments"
        let numbers = "--learning-rate 0.007 --momentum 0.95 --inverse-period 40 --statistics-period 8"
        #expect(
            ChosenOption.difference(
                stored: try Self.command(rule).chosen(), current: try Self.command("\(rule) \(numbers)").chosen())
                == nil)
        // It is the default.
        #expect(
            ChosenOption.difference(stored: try Self.command("").chosen(), current: try Self.command(rule).chosen())
                == nil)
    }

    @Test func severalOptionsAreAllNamed() throws {
        let difference = ChosenOption.difference(
            stored: try Self.command("--step-rule fixed").chosen(),
            current: try Self.command("--step-rule fixed --l2 0.1 --damping 0.3 --seed 2").chosen())
        #expect(
            difference
                == "--damping is 0.1 there and 0.3 here, --l2 is 0.0 there and 0.1 here, --seed is 0 there and 2 here")
    }
}
