"""Blindsight next to other libraries: the same networks, weights and frames, one thread each, in one run.

python -m benchmarks.peers [--quick]

Peers run in .venv/bench, where `make bench` installs them. One that can't be installed or started is reported
as not measured, with the reason.
"""

import json
import sys
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.contestant import Contestant, ContestantError
from benchmarks.harness.figures import Figures, bars_table, judge, markdown, ratio, summarise
from benchmarks.harness.install import PYTHON
from benchmarks.harness.plots import draw
from benchmarks.harness.results import RESULTS, machine
from benchmarks.networks.compared import ARCHITECTURES, Architecture, load
from blindsight.command_line.output import console
from models.samples import load_samples


@dataclass(frozen=True)
class Run:
    """How much is measured."""

    rounds: int
    frames: int
    peer_frames: int
    machine: str


@dataclass(frozen=True)
class Comparison:
    """A network, who else evaluates it, and the bars: a least ratio, or most milliseconds, bytes, rotations."""

    id: str
    architecture: Architecture
    bars: dict[str, float]
    peer: str | None = None
    module: str = ""
    notes: tuple[str, ...] = field(default=())
    frames_per_ciphertext: int = 1


COMPARISONS = (
    Comparison(
        "a",
        ARCHITECTURES["tenseal"],
        {"ratio": 250},
        "TenSEAL",
        "benchmarks.peers.tenseal",
        ("TenSEAL: the code and the parameters of its tutorial 4.",),
    ),
    Comparison(
        "b",
        ARCHITECTURES["lola"],
        {"ratio": 18},
        "Orion",
        "benchmarks.peers.orion",
        (
            "Orion: its LoLA and its parameters for it. It has no call that writes a ciphertext, so up and down are "
            "its residues of 8 bytes, as Lattigo writes them; of its keys those count that the network uses.",
        ),
    ),
    Comparison(
        "c",
        ARCHITECTURES["helayers"],
        {"ms_in_rotations": 6, "key_bytes": 16e6, "uplink_bytes": 80e3},
        notes=(
            "(c) is an example of HElayers, whose licence is non-commercial: it is not measured here. Its reference "
            "is 287–470 ms a frame, 163–340 MB of keys and 2.75–5.5 MB up.",
        ),
    ),
    Comparison(
        "c, K = 16",
        ARCHITECTURES["helayers"],
        {"ms_in_rotations": 1, "uplink_bytes": 75e3},
        frames_per_ciphertext=16,
        notes=("With K frames in a ciphertext, times and bytes are a frame's share. HElayers: 56–82 ms at K = 16.",),
    ),
    Comparison(
        "c, K = 512",
        ARCHITECTURES["helayers"],
        {"ms_in_rotations": 0.4},
        frames_per_ciphertext=512,
        notes=("HElayers: 7.0–9.1 ms at K = 512.",),
    ),
)


def compare(comparison: Comparison, run: Run) -> Figures:
    """Measure one network, the contestants taking turns."""
    architecture = comparison.architecture
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="blindsight-")))
        ours = stack.enter_context(
            closing(
                Contestant(
                    Path(sys.executable), "benchmarks.peers.ours", [architecture.name, comparison.frames_per_ciphertext]
                )
            )
        )
        our_rounds: list[dict[str, Any]] = []
        peer_rounds: list[dict[str, Any]] = []
        peer: Figures | None = None
        contestant: Contestant | None = None
        try:
            if comparison.peer:
                data = folder / "data.npz"
                _write_data(architecture, data)
                contestant = Contestant(PYTHON, comparison.module, [architecture.weights, data, architecture.stride])
                stack.enter_context(closing(contestant))
            for _ in range(run.rounds):
                if contestant:
                    peer_rounds.append(contestant.run(run.peer_frames))
                our_rounds.append(ours.run(run.frames))
            if contestant and comparison.peer:
                peer = summarise(comparison.peer, contestant.facts, peer_rounds)
        except ContestantError as error:
            peer = {"name": comparison.peer, "not_measured": str(error)}
            our_rounds += [ours.run(run.frames) for _ in range(run.rounds - len(our_rounds))]
        own = summarise("Blindsight", ours.facts, our_rounds)
    times = ratio(peer, own)
    return {
        "id": comparison.id,
        "title": architecture.title,
        "layers": architecture.layers,
        "peer": peer,
        "blindsight": own,
        "ratio": times,
        "bars": judge({**own, "ratio": times}, comparison.bars, least=["ratio"]),
        "notes": list(comparison.notes),
    }


def _write_data(architecture: Architecture, path: Path) -> None:
    frames = load_samples("digits").frames
    np.savez(path, frames=frames, scores=load(architecture).scores(frames))


def main() -> None:
    """Measure, print the bars, and write peers.json, peers.md and peers.svg."""
    run = Run(2, 5, 1, machine()) if "--quick" in sys.argv[1:] else Run(5, 10, 2, machine())
    comparisons = []
    for comparison in COMPARISONS:
        with console.status(f"({comparison.id}) {comparison.architecture.title}"):
            comparisons.append(compare(comparison, run))
    report: Figures = {"run": vars(run), "comparisons": comparisons}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "peers.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (RESULTS / "peers.md").write_text(markdown(report), encoding="utf-8")
    console.print(bars_table(comparisons))
    print(markdown(report))
    draw("peers")


if __name__ == "__main__":
    main()
