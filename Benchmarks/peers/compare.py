"""Times this project beside its peers, in alternating rounds, and prints the ratios as a table in Markdown."""

from __future__ import annotations

import argparse
import fnmatch
import json
import platform
import sys
from pathlib import Path
from typing import Any, Sequence

import contestants
import report
from cases import CHECKED_NAMES, NAMES, Case
from contestants import OURS, PEERS, Failure, Peer
from environments import REPOSITORY
from machine import positive, threads

# What a peer's matrix may differ from the plain one after scaling; inverses of half-rank matrices differ more.
TOLERANCE = {"inverse": 1e-3}
USUAL_TOLERANCE = 1e-5


def main() -> int:
    options = parse()
    try:
        cases, peers = chosen_cases(options.case), chosen_peers(options.peer)
    except ValueError as error:
        print(f"run: error: {error}", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(["Cases:", *NAMES, "", "Peers:", *(peer.name for peer in PEERS)]))
        return 0
    if options.check:
        return check(peers, options)
    if not options.peers_only and not options.kfac.exists():
        print(
            f"run: error: {options.kfac} is not there: build it by 'swift build -c release', "
            "or time the peers alone by --peers-only.",
            file=sys.stderr,
        )
        return 1
    try:
        compare(cases, peers, options)
    except KeyboardInterrupt:
        return 130
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/peers/run",
        description=__doc__,
        epilog="'taskset' limits the cores of all alike. PYTHON=/path/to/python3 makes the environments with that one.",
    )
    parser.add_argument(
        "--case", action="append", metavar="NAME", help="a case or a pattern such as 'inverse/*' (default: all)"
    )
    parser.add_argument("--peer", action="append", metavar="NAME", help="a peer (default: all that offer the case)")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="of all contestants (default: 5)")
    parser.add_argument(
        "--repeats", type=positive, default=3, metavar="N", help="samples of a peer in a round (default: 3)"
    )
    parser.add_argument(
        "--patience", type=positive, default=60, metavar="S",
        help="a peer that needs more seconds for a round of a case takes part in that round alone (default: 60)",
    )
    parser.add_argument("--timeout", type=positive, default=900, metavar="S", help="for one run (default: 900)")
    parser.add_argument(
        "--json", type=Path, default=REPOSITORY / "runs" / "peers.json", metavar="FILE",
        help="where the figures go (default: runs/peers.json)",
    )
    parser.add_argument(
        "--kfac", type=Path, default=REPOSITORY / ".build" / "release" / "kfac", metavar="FILE",
        help="this project's tool (default: .build/release/kfac)",
    )
    parser.add_argument("--peers-only", action="store_true", help="leave this project out")
    parser.add_argument("--check", action="store_true", help="time nothing; check that all compute the same matrices")
    parser.add_argument("--list", action="store_true", help="list the cases and the peers")
    return parser.parse_args()


def chosen_cases(patterns: Sequence[str] | None) -> list[Case]:
    if not patterns:
        return [Case.named(name) for name in NAMES]
    names: list[str] = []
    for pattern in patterns:
        matching = [name for name in NAMES if fnmatch.fnmatchcase(name, pattern)]
        names += [name for name in matching or [pattern] if name not in names]
    return [Case.named(name) for name in names]


def chosen_peers(names: Sequence[str] | None) -> list[Peer]:
    known = {peer.name: peer for peer in PEERS}
    for name in names or []:
        if name not in known:
            raise ValueError(f"There is no peer '{name}': the peers are {', '.join(known)}.")
    return [known[name] for name in names] if names else list(PEERS)


def compare(cases: Sequence[Case], peers: Sequence[Peer], options: argparse.Namespace) -> None:
    """Runs all cases; what is known so far is written after each."""
    done: list[list[report.Row]] = []
    loads: dict[str, list[float]] = {}
    machine: dict[str, Any] = {"processor": processor(), "threads": threads()}
    for case in cases:
        before = contestants.load()
        done.append(rounds(case, peers, options, machine))
        loads[case.name] = [before, contestants.load()]
        options.json.parent.mkdir(parents=True, exist_ok=True)
        facts = {"machine": machine, "loads": loads, "results": report.as_json(done, OURS)}
        options.json.write_text(json.dumps(facts, indent=2) + "\n")
    say("\r" + " " * 79 + "\r", end="")
    print(f"{machine['processor']}; cores used: {machine['threads']}; medians of rounds: {options.rounds}. ", end="")
    print("Load averages before and after, these runs included: ", end="")
    print("; ".join(f"{name} {before:.2f} to {after:.2f}" for name, (before, after) in loads.items()) + ".\n")
    print(report.table(done, OURS, machine["threads"]))


def rounds(
    case: Case, peers: Sequence[Peer], options: argparse.Namespace, machine: dict[str, Any]
) -> list[report.Row]:
    """Runs this project and each peer in turn, round after round; who fails or is very slow drops out."""
    ours = [] if options.peers_only else [None]
    taking_part: list[Peer | None] = [*ours, *(peer for peer in peers if peer.offers(case.kind, case.network))]
    rows = {peer: report.Row(case.name, peer.name if peer else OURS) for peer in taking_part}
    out: set[Peer | None] = set()
    for number in range(options.rounds):
        for peer, row in rows.items():
            if peer in out:
                continue
            say(f"\r{case.name}, round {number + 1} of {options.rounds}: {row.name}".ljust(80), end="")
            start = contestants.clock()
            try:
                if peer is None:
                    answer = contestants.run_ours(options.kfac, case.name, options.timeout)
                    machine["ours"] = answer.get("machine")
                else:
                    answer = contestants.run_peer(peer, case.name, options.repeats, options.timeout)
                row.add(contestants.timed_result(answer, case.name))
            except Failure as failure:
                row.failure = str(failure)
                out.add(peer)
            if peer is not None and contestants.clock() - start > options.patience:
                out.add(peer)
    return list(rows.values())


def check(peers: Sequence[Peer], options: argparse.Namespace) -> int:
    """Compares each peer's matrices with the plain ones on small shapes."""
    print("| case | peer | error | scale | bias column | |\n|---|---|---:|---:|---|---|")
    wrong = 0
    for name in CHECKED_NAMES:
        case = Case.named(name)
        for peer in peers:
            if not peer.offers(case.kind, case.network):
                continue
            try:
                answer = contestants.run_peer(peer, name, 1, options.timeout, check=True)
                (result,) = answer["results"]
                right = result["error"] <= TOLERANCE.get(case.kind, USUAL_TOLERANCE)
                bias = {True: "yes", False: "no", None: "–"}[result["bias"]]
                verdict = "same" if right else "**differs**"
                print(f"| {name} | {peer.name} | {result['error']:.1e} | {result['scale']:.4g} | {bias} | {verdict} |")
            except Failure as failure:
                right = False
                print(f"| {name} | {peer.name} | | | | {failure} |")
            wrong += not right
            sys.stdout.flush()
    return 1 if wrong else 0


def processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def say(text: str, end: str = "\n") -> None:
    """Tells how far it is, where someone is looking."""
    if sys.stderr.isatty():
        print(text, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
