"""The comparison with the peers: names, medians, ratios and the table, and rounds with made-up contestants."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

PEERS = Path(__file__).resolve().parents[2] / "Benchmarks" / "peers"
sys.path.insert(0, str(PEERS))

import compare  # noqa: E402
import contestants  # noqa: E402
import report  # noqa: E402
from cases import NAMES, Case, CaseError  # noqa: E402
from contestants import OURS, Failure, Peer  # noqa: E402


def row(case: str, name: str, *results: tuple[float, float], sgd: float | None = None) -> report.Row:
    answer = report.Row(case, name)
    for wall, cpu in results:
        answer.add({"case": case, "seconds": wall, "cpu_seconds": cpu, "sgd_seconds": sgd})
    return answer


class CaseTests(unittest.TestCase):
    def test_reads_every_name(self) -> None:
        self.assertEqual([Case.named(name).name for name in NAMES], list(NAMES))
        self.assertEqual(Case.named("input-factor/256x32x28x28").shape, (256, 32, 28, 28))
        self.assertEqual(Case.named("step/resnet20").network, "resnet20")

    def test_refuses_other_names(self) -> None:
        for name in ("inverse", "inverse/", "inverse/0", "inverse/3x3", "input-factor/3x3", "step/vgg", "outer/3"):
            with self.subTest(name), self.assertRaisesRegex(CaseError, f"There is no case '{name}'"):
                Case.named(name)

    def test_patterns_choose_cases_once(self) -> None:
        names = [case.name for case in compare.chosen_cases(["inverse/*", "inverse/577", "dense-factor/20x7"])]
        self.assertEqual(
            names, ["inverse/577", "inverse/1153", "inverse/2305", "inverse/4609", "dense-factor/20x7"]
        )

    def test_refuses_an_unknown_peer(self) -> None:
        with self.assertRaisesRegex(ValueError, "There is no peer 'none'"):
            compare.chosen_peers(["none"])


class ReportTests(unittest.TestCase):
    def test_ratios_are_of_medians(self) -> None:
        ours = row("inverse/577", OURS, (0.001, 0.002), (0.9, 0.9), (0.002, 0.004))
        slow = row("inverse/577", "slow", (0.010, 0.02), (0.008, 0.02), (0.5, 0.9))
        fast = row("inverse/577", "fast", (0.005, 0.03))
        broken = report.Row("inverse/577", "broken", failure="It broke | here.")
        lines = report.table([[ours, slow, fast, broken]], OURS, threads=2).splitlines()
        self.assertEqual(lines[2], f"| inverse/577 | {OURS} | 2.00 | 2.00 | – | – | – | 3 |")
        self.assertEqual(lines[3], "| inverse/577 | slow | 10.0 | 10.0 | 5.00 | 5.00 | – | 3 |")
        self.assertEqual(lines[4], "| inverse/577 | **fast** | 5.00 | 15.0 | **2.50** | **7.50** | – | 1 |")
        self.assertEqual(lines[5], "| inverse/577 | broken | It broke \\| here. | | | | | 0 |")

    def test_gradient_descent_is_no_peer_of_steps(self) -> None:
        rows = [row("step/convnet", OURS, (2, 2)), row("step/convnet", "torch", (1, 1))]
        self.assertIsNone(report.best(rows, OURS))
        self.assertIn("torch (SGD)", report.table([rows], OURS, threads=1))
        rows.append(row("step/convnet", "asdl", (6, 6), sgd=1.5))
        self.assertEqual(report.best(rows, OURS), "asdl")
        self.assertEqual(rows[-1].over_sgd, 4)
        self.assertEqual(report.best([row("inverse/577", "torch", (1, 1))], OURS), "torch")

    def test_works_without_this_project(self) -> None:
        rows = [row("inverse/577", "torch", (1.5, 3))]
        self.assertIn("| 1,500 | 1,500 | – | – |", report.table([rows], OURS, threads=2))
        (facts,) = report.as_json([rows], OURS)
        self.assertEqual((facts["seconds"], facts["ratio"], facts["best"]), (1.5, None, True))

    def test_digits(self) -> None:
        values = (0.001234, 0.5, 1, 9.999, 12.34, 123.4, 999.9, 1234.6, 0)
        texts = ["0.00123", "0.500", "1.00", "10.0", "12.3", "123", "1,000", "1,235", "0"]
        self.assertEqual([report.significant(value) for value in values], texts)


class RoundTests(unittest.TestCase):
    """Rounds in which nothing is started, but the order and what each answers are known."""

    def setUp(self) -> None:
        self.order: list[str] = []
        self.seconds = {OURS: 1.0, "quick": 2.0, "slow": 3.0}
        self.now = 0.0
        self.peers = [Peer(name, "", "", ("inverse",)) for name in ("quick", "slow", "broken")]
        self.options = argparse.Namespace(
            rounds=3, repeats=1, timeout=9, patience=2.5, peers_only=False, kfac=Path("kfac")
        )
        for name, stand_in in {
            "run_ours": lambda tool, case, timeout: self.answer(OURS, case),
            "run_peer": lambda peer, case, repeats, timeout: self.answer(peer.name, case),
            "clock": lambda: self.now,
        }.items():
            patch = mock.patch.object(contestants, name, stand_in)
            patch.start()
            self.addCleanup(patch.stop)

    def answer(self, name: str, case: str) -> dict:
        self.order.append(name)
        if name == "broken":
            raise Failure("It broke.")
        self.now += self.seconds[name]
        return {"machine": {"threads": 1}, "results": [{"case": case, "seconds": self.seconds[name]}]}

    def test_rounds_alternate_and_the_slow_and_the_broken_drop_out(self) -> None:
        rows = compare.rounds(Case.named("inverse/577"), self.peers, self.options, {})
        self.assertEqual(self.order, [OURS, "quick", "slow", "broken", OURS, "quick", OURS, "quick"])
        self.assertEqual([len(row.walls) for row in rows], [3, 3, 1, 0])
        self.assertEqual([row.failure for row in rows], [None, None, None, "It broke."])

    def test_peers_are_only_asked_for_what_they_offer(self) -> None:
        rows = compare.rounds(Case.named("step/convnet"), self.peers, self.options, {})
        self.assertEqual([row.name for row in rows], [OURS])


class CommandTests(unittest.TestCase):
    def test_a_command_answers_by_a_file_and_fails_by_its_last_line(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            tool = Path(folder) / "kfac"
            results = json.dumps({"results": [{"case": "inverse/577", "seconds": 0.5}]})
            tool.write_text(f"#!/bin/sh\n[ \"$3\" = inverse/577 ] || {{ echo no; echo wrong; exit 3; }}\n"
                            f"echo '{results}' > \"$5\"\n")
            tool.chmod(0o755)
            answer = contestants.run_ours(tool, "inverse/577", timeout=60)
            self.assertEqual(contestants.timed_result(answer, "inverse/577")["seconds"], 0.5)
            with self.assertRaisesRegex(Failure, "no seconds of inverse/1153"):
                contestants.timed_result(answer, "inverse/1153")
            with self.assertRaisesRegex(Failure, "^wrong$"):
                contestants.run_ours(tool, "inverse/1153", timeout=60)
            with self.assertRaisesRegex(Failure, "is not there"):
                contestants.run_ours(Path(folder) / "none", "inverse/577", timeout=60)


if __name__ == "__main__":
    unittest.main()
