import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import kfac_tool

/// Options that would have no effect are refused.
@Suite struct OptionEffectTests {
    /// A command line, and what is said of it.
    static let refused: [(String, String)] = [
        ("train --step-rule fixed --damping-decay 0.9", "--damping-decay is for --damping-rule adaptive only."),
        ("train --step-rule fixed --damping-interval 3", "--damping-interval is for --damping-rule adaptive only."),
        ("train --step-rule fixed --minimum-damping 0.01", "--minimum-damping is for --damping-rule adaptive only."),
        (
            "train --problem fashion-mnist-autoencoder --damping-rule fixed --damping-decay 0.9",
            "--damping-decay is for --damping-rule adaptive only."
        ),
        ("train --step-rule fixed --model-fraction 0.5", "--model-fraction is for --step-rule quadratic-model only."),
        (
            "train --step-rule quadratic-model --norm-constraint 1",
            "--norm-constraint is for --step-rule fixed or gradient-momentum only."
        ),
        ("train --step-rule fixed --cautious", "--cautious is for --step-rule eigenbasis-moments only."),
        (
            "train --step-rule eigenbasis-moments --damping 0.1",
            "--damping has no effect with --step-rule eigenbasis-moments."
        ),
        (
            "train --damping 0.1",
            "--damping has no effect with --step-rule eigenbasis-moments, the default: add --step-rule fixed or "
                + "another one."
        ),
        (
            "train --problem poisson --eigenvalues examples --damping-split exact",
            "--damping-split is for --eigenvalues factors only."
        ),
        (
            "train --problem poisson --eigenvalues examples --inverse-schedule when-stale",
            "--inverse-schedule when-stale is for --eigenvalues factors only."
        ),
        (
            "train --step-rule eigenbasis-moments --eigenvalues examples",
            "--eigenvalues has no effect with --step-rule eigenbasis-moments."
        ),
        (
            "train --problem fashion-mnist-autoencoder --step-rule eigenbasis-moments --damping-decay 0.9",
            "--damping-decay has no effect with --step-rule eigenbasis-moments."
        ),
        (
            "train --step-rule eigenbasis-moments --norm-constraint 1",
            "--norm-constraint has no effect with --step-rule eigenbasis-moments."
        ),
        (
            "train --step-rule eigenbasis-moments --damping-split exact",
            "--damping-split has no effect with --step-rule eigenbasis-moments."
        ),
        (
            "train --step-rule eigenbasis-moments --inverse-schedule when-stale",
            "--inverse-schedule when-stale has no effect with --step-rule eigenbasis-moments: choose another schedule."
        ),
        (
            "compare --method kfac --search kfac.step-rule=eigenbasis-moments --search kfac.damping=1",
            "--search kfac.damping=1: --damping has no effect with --step-rule eigenbasis-moments."
        ),
        (
            "train --step-rule grafted --norm-constraint 1",
            "--norm-constraint is for --step-rule fixed or gradient-momentum only."
        ),
        (
            "train --step-rule quadratic-model --damping-rule relative",
            "--damping-rule relative is for --step-rule fixed, gradient-momentum or grafted only."
        ),
        (
            "compare --method kfac --search kfac.damping-rule=relative --search kfac.step-rule=quadratic-model",
            "--search kfac.damping-rule=relative: --damping-rule relative is for --step-rule fixed, gradient-momentum or "
                + "grafted only."
        ),
        ("train --step-rule fixed --staleness 0.1", "--staleness is for --inverse-schedule when-stale only."),
        (
            "train --no-checkpoints --keep-checkpoints 2",
            "--keep-checkpoints has no effect with --no-checkpoints: leave one of them out."
        ),
        (
            "train --no-checkpoints --checkpoint-period 2",
            "--checkpoint-period has no effect with --no-checkpoints: leave one of them out."
        ),
        (
            "train --no-checkpoints --checkpoint-interval 2",
            "--checkpoint-interval has no effect with --no-checkpoints: leave one of them out."
        ),
        ("train --steps 5 --burn-in 5", "--burn-in must be less than the number of steps, 5; 5 was given."),
        (
            "train --step-rule fixed --damping-rule adaptive --minimum-damping 0.3 --damping 0.1",
            "--minimum-damping must be at most --damping; the minimum is 0.3 and the damping 0.1."
        ),
        (
            "train --problem fashion-mnist-autoencoder --damping 0.001",
            "--minimum-damping must be at most --damping; the minimum is 0.003 and the damping 0.001."
        ),
        ("train --optimizer sgd --nesterov --momentum 0", "--nesterov has no effect with --momentum 0."),
        (
            "train --problem fashion-mnist-autoencoder --initialization sparse --initial-weights w",
            "--initialization has no effect with --initial-weights: leave one of them out."
        ),
        (
            "compare --method kfac --search kfac.step-rule=fixed --search kfac.damping-decay=0.9",
            "--search kfac.damping-decay=0.9: --damping-decay is for --damping-rule adaptive only."
        ),
        (
            "compare --method sgd --search sgd.damping=1",
            "--search sgd.damping=1: --damping is for --optimizer kfac only; the optimizer is sgd."
        ),
        (
            "compare --method kfac --search kfac.step-rule=fixed --search kfac.damping-rule=adaptive "
                + "--search kfac.minimum-damping=0.5 --search kfac.damping=0.1 --search kfac.learning-rate=1",
            "--search: kfac with learning-rate=1 damping=0.1 step-rule=fixed damping-rule=adaptive minimum-damping=0.5 "
                + "learning-rate-schedule=linear: --minimum-damping must be at most --damping; the minimum is 0.5 and the "
                + "damping 0.1."
        ),
        (
            "compare --method kfac --search kfac.step-rule=fixed --search kfac.burn-in=20 --search kfac.damping=1 "
                + "--search kfac.learning-rate=1 "
                + "--steps 20",
            "--search: kfac with learning-rate=1 damping=1 step-rule=fixed burn-in=20 learning-rate-schedule=linear: --burn-in must be "
                + "less than the number of steps, 20; 20 was given."
        ),
        (
            "compare --method sgd --search sgd.learning-rate=1 --trials 5",
            "--trials is for methods with something to search only; all options are fixed."
        ),
        (
            "compare --method sgd --search sgd.learning-rate=1 --tuning-steps 5",
            "--tuning-steps is for methods with something to search only; all options are fixed."
        ),
        (
            "bench --list --repeats 3",
            "--repeats has no effect with --list, which times nothing: leave one of them out."
        ),
        ("bench --list --json x", "--json has no effect with --list, which times nothing: leave one of them out."),
    ]

    @Test(arguments: refused.indices) func optionsWithoutEffectAreRefused(index: Int) {
        let (line, message) = Self.refused[index]
        Tool.expectBadUsage(line.split(separator: " ").map(String.init), message)
    }

    /// Command lines whose options all have an effect, some by the problem's defaults.
    @Test(arguments: [
        "train --cautious", "train --step-rule fixed --eigenvalues examples",
        "train --problem fashion-mnist-autoencoder --eigenvalues examples",
        "train --problem poisson --damping-rule adaptive --damping-decay 0.9 --damping-interval 3 --minimum-damping 0.01",
        "train --problem fashion-mnist-autoencoder --damping-decay 0.9 --model-fraction 0.5",
        "train --problem fashion-mnist-autoencoder --step-rule fixed --norm-constraint 1",
        "train --step-rule fixed --inverse-schedule when-stale --staleness 0.1", "train --steps 5 --burn-in 4",
        "train --resume run --staleness 0.1", "train --resume run --nesterov",
        "compare --problem poisson --method kfac --search kfac.staleness=0.1:0.5 --search kfac.inverse-schedule=when-stale",
        "compare --problem poisson --method kfac --search kfac.damping-rule=fixed,adaptive --search kfac.damping-decay=0.9",
        "compare --method kfac --problem fashion-mnist-autoencoder --search kfac.damping-interval=3,5",
        "train --step-rule grafted --damping 0.3 --damping-split exact",
        "train --step-rule fixed --damping-rule relative --damping 0.3",
        "compare --method kfac --search kfac.step-rule=grafted --search kfac.damping=0.1",
        "train --step-rule eigenbasis-moments --cautious --statistics-period 4 --inverse-schedule background",
        "train --problem fashion-mnist-autoencoder --step-rule eigenbasis-moments --momentum 0.9",
        "train --optimizer soap --nesterov",
        "compare --method kfac --method moments=kfac --search moments.step-rule=eigenbasis-moments",
        "compare --method kfac --search kfac.cautious=on,off --search kfac.step-rule=eigenbasis-moments",
        "compare --problem fashion-mnist-autoencoder --method kfac --search kfac.step-rule=eigenbasis-moments",
        "bench --list --scaling",
    ])
    func optionsWithAnEffectAreTaken(line: String) throws {
        _ = try KFACTool.parseAsRoot(line.split(separator: " ").map(String.init))
    }

    /// The number of steps of epochs is known once the data is.
    @Test func aBurnInOfAllEpochsIsRefused() throws {
        let folder = TemporaryFolder()
        let result = try Tool.run(
            [
                "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--epochs", "2",
                "--burn-in", "4",
            ],
            in: folder)
        #expect(result.status == 64)
        #expect(result.errors.hasPrefix("Error: --burn-in must be less than the number of steps, 4; 4 was given.\n"))
        #expect(folder.names == [])
    }
}
