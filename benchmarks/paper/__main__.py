"""The paper's configurations, and its figures next to ours: python -m benchmarks.paper [DATA.npz]

DATA holds `frames` (n, 28, 28) uint8 and `labels` (n,); by default the samples of `digits`. Writes
results/paper.json, results/paper.svg, and the tables in docs/paper.md.
"""

import json
import sys
from pathlib import Path

from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.harness.figures import Figures
from benchmarks.harness.plots import draw
from benchmarks.harness.results import RESULTS, machine
from benchmarks.paper.classification import measure
from benchmarks.paper.configurations import CONFIGURATIONS
from benchmarks.paper.table import insert
from blindsight.command_line.output import console
from common.ckks.parameters import SECURITY_LEVELS
from compiler.labelled import load_labelled
from models.samples import load_samples

#: Frames that are encrypted in each row; accuracy in plain is on all.
_FRAMES = 100


def run(path: Path | None, frames: int) -> Figures:
    """Measure all nine, encrypting so many frames in each. Progress is shown."""
    cases = [configuration.case(bits) for configuration in CONFIGURATIONS for bits in SECURITY_LEVELS]
    network = cases[0].network
    data = load_labelled(path, network.frame_shape, network.labels) if path else load_samples("digits")
    rows: list[Figures] = []
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=len(cases))
        for case in cases:
            progress.update(bar, description=f"{case.name}, {case.security_bits} bits")
            rows.append(measure(case, data, frames))
            progress.advance(bar)
    return {"machine": machine(), "frames": len(data.frames), "rows": rows}


def main() -> None:
    """Measure, and write the results."""
    report = run(Path(sys.argv[1]) if len(sys.argv) > 1 else None, _FRAMES)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    (RESULTS / "paper.json").write_text(text + "\n", encoding="utf-8")
    print(insert(report))
    draw("paper")


if __name__ == "__main__":
    main()
