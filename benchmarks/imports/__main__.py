"""What imports lose: python -m benchmarks.imports DATA [--minutes 10] [--only NAME]

DATA is a folder with mnist-train.npz, mnist-test.npz, cifar10-train.npz and cifar10-test.npz, each with `frames` and
`labels`. Needs the extras `train` and `onnx`. Each network is trained, exported by torch.onnx.export, imported with
and without fine-tuning, compiled, and measured on the test frames, which neither fits nor training saw. Bars are held
against the points of accuracy that the fine-tuned network loses. Weights and networks are kept in DATA, so that a
network is trained once.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.table import Table

from benchmarks.harness.results import RESULTS
from benchmarks.imports.measuring import Measured, measure
from benchmarks.imports.networks import SUBJECTS
from blindsight.command_line.output import console


def main() -> None:
    """Measure, print a table, write `benchmarks/results/imports.json`, and exit with 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description="What imports lose.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="networks whose names contain this")
    told = parser.parse_args()
    target = RESULTS / "imports.json"
    kept = json.loads(target.read_text()) if target.is_file() else {}
    for subject in SUBJECTS:
        if told.only in subject.name:
            kept[subject.name] = measure(subject, told.data, told.minutes).facts()
            target.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    measured = [Measured(**facts) for facts in kept.values()]
    console.print(table(measured))
    sys.exit(any(each.missed for each in measured))


def table(measured: list[Measured]) -> Table:
    """One row for each network."""
    columns = ("network", "squarings", "original", "imported", "fine-tuned", "lost", "bar", "agree", "minutes", "ms")
    made = Table(*columns)
    for each in measured:
        made.add_row(
            each.name,
            str(each.squarings),
            f"{each.original:.2%}",
            f"{each.imported:.2%}",
            f"{each.fine_tuned:.2%}",
            f"{each.lost:.2f} points",
            "" if each.bar is None else f"{each.bar}",
            f"{each.agreement_imported:.2%} → {each.agreement:.2%}",
            f"{each.minutes:g}",
            each.refusal or f"{each.predicted_ms:.0f}",
        )
    return made


if __name__ == "__main__":
    main()
