"""The speed of encrypted weights against its bars, one thread: python -m benchmarks.sealed

Each network runs with plain weights beside, frame by frame in turns, so that their ratio holds whatever the
machine does meanwhile. Writes results/sealed.json.
"""

import json
from dataclasses import dataclass

from benchmarks.harness.figures import Figures, bars_table, judge
from benchmarks.harness.results import RESULTS, machine
from benchmarks.networks.compared import ARCHITECTURES, load
from benchmarks.paper.classification import Case, measure
from benchmarks.paper.configurations import CONFIGURATIONS
from blindsight.command_line.output import console
from models.catalogue import load_network
from models.samples import load_samples

#: So many even for a quick run: most of the time goes into compiling, and a few frames' median is noise.
_FRAMES = 20


@dataclass(frozen=True)
class Barred:
    """A case and its bars: the most milliseconds, rotations' time, times the plain weights', bytes, score error."""

    case: Case
    bars: dict[str, float]


def cases() -> list[Barred]:
    """What is measured. The third is an example of HElayers; see `benchmarks.peers`."""
    last, _, full = CONFIGURATIONS
    helayers = ARCHITECTURES["helayers"]
    return [
        Barred(Case("digits", load_network("digits")), {"ratio": 3, "ms": 350}),
        Barred(last.case(128), {"ms": 30}),
        Barred(full.case(256), {"ms": 3000}),
        Barred(
            Case(helayers.layers, load(helayers)),
            {"ms_in_rotations": 90, "max_score_error": 0.05, "key_bytes": 100_000_000},
        ),
    ]


def held_against(figures: Figures, bars: dict[str, float]) -> list[Figures]:
    """The bars next to a case's figures: what isn't of the whole comparison is of the sealed form."""
    sealed = figures["sealed"]
    return judge({**sealed, **figures, "ms": sealed["evaluation"]["ms"]}, bars)


def main() -> None:
    """Measure, write sealed.json, and print the bars."""
    samples, measured = load_samples("digits"), []
    for barred in cases():
        case = barred.case
        with console.status(f"{case.name}, {case.security_bits} bits, with encrypted weights"):
            figures = measure(case, samples, _FRAMES)
        name = f"{case.name}, {case.security_bits} bits"
        measured.append({"id": name, **figures, "bars": held_against(figures, barred.bars)})
    text = json.dumps({"machine": machine(), "cases": measured}, indent=1, ensure_ascii=False)
    (RESULTS / "sealed.json").write_text(text + "\n", encoding="utf-8")
    console.print(bars_table(measured))


if __name__ == "__main__":
    main()
