"""The plots of the results, with matplotlib: .venv/bench/bin/python -m benchmarks.harness.plots peers|growth|paper

`draw` runs this in the environment that has matplotlib.
"""

import json
import subprocess
import sys
from typing import Any

from benchmarks.harness.install import PYTHON
from benchmarks.harness.results import RESULTS

_BLUE, _GREY = "#3b6fb6", "#8a929c"


def draw(name: str) -> None:
    """Draw results/NAME.svg from results/NAME.json, or say why not."""
    try:
        subprocess.run([PYTHON, "-m", "benchmarks.harness.plots", name], check=True, capture_output=True, text=True)
    except OSError as error:
        print(f"{name}.svg was not drawn: {PYTHON}: {error.strerror}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"{name}.svg was not drawn: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)


def _peers(report: dict[str, Any], figure: Any) -> None:
    """A row of bars for each quantity, a pair for each network; logarithmic, since ratios are what counts."""
    quantities = (("ms", "ms a frame", 1), ("key_bytes", "evaluation keys, MB", 1e6), ("uplink_bytes", "up, KB", 1e3))
    axes = figure.subplots(1, len(quantities), sharey=True)
    bars = [
        (f"({comparison['id']}) {side['name']}", side)
        for comparison in report["comparisons"]
        for side in (comparison["peer"], comparison["blindsight"])
        if side and "ms" in side
    ]
    for axis, (key, title, unit) in zip(axes, quantities, strict=True):
        values = [side[key] / unit for _, side in bars]
        colors = [_BLUE if side["name"] == "Blindsight" else _GREY for _, side in bars]
        drawn = axis.barh([label for label, _ in bars], values, color=colors)
        axis.bar_label(drawn, [f"{value:,.0f}" for value in values], padding=3)
        axis.set(title=title, xscale="log", xlim=(min(values) / 3, max(values) * 5))
    axes[0].invert_yaxis()


def _growth(report: dict[str, Any], figure: Any) -> None:
    """A column for each thing that grows, a row for each quantity; predictions dashed."""
    families = report["families"]
    quantities = (("ms", "ms a frame", 1), ("key_bytes", "keys, MB", 1e6), ("memory_bytes", "memory, MB", 1e6))
    axes = figure.subplots(len(quantities), len(families), sharex="col", squeeze=False)
    for column, family in zip(axes.T, families, strict=True):
        points = [point for point in family["points"] if "ms" in point]
        for axis, (key, title, unit) in zip(column, quantities, strict=True):
            x = [point["value"] for point in points]
            axis.plot(x, [point[key] / unit for point in points], "o-", color=_BLUE, label="measured")
            if key == "ms":
                axis.plot(x, [point["predicted_ms"] for point in points], "--", color=_GREY, label="predicted")
                axis.legend(frameon=False)
            axis.set(ylabel=title, ylim=(0, None))
        column[-1].xaxis.get_major_locator().set_params(integer=True)
        refused = [str(point["value"]) for point in family["points"] if "refused" in point]
        column[-1].set(xlabel=family["name"] + (f" (refused: {', '.join(refused)})" if refused else ""))


def _paper(report: dict[str, Any], figure: Any) -> None:
    """Time and memory of each configuration, sealed, and the ends of the paper's ranges as lines; logarithmic."""
    quantities = (
        ("evaluation", "ms", "classification, s", 1e3, (2.1, 5580)),
        ("evaluation", "peak_bytes", "peak memory, MB", 1e6, (53.9, 5000)),
        ("decryption", "ms", "decryption, s", 1e3, (0.1, 3.2)),
        ("decryption", "peak_bytes", "its peak memory, MB", 1e6, (17.8, 2062.5)),
    )
    axes = figure.subplots(1, len(quantities), sharey=True)
    labels = [f"{each['name']}, {each['security_bits']}" for each in report["rows"]]
    for axis, (part, key, title, unit, paper) in zip(axes, quantities, strict=True):
        values = [each["sealed"][part][key] / unit for each in report["rows"]]
        drawn = axis.barh(labels, values, color=_BLUE)
        axis.bar_label(drawn, [f"{value:.3g}" for value in values], padding=3)
        for end in paper:
            axis.axvline(end, color=_GREY, linestyle="--")
        axis.set(title=title, xscale="log", xlim=(min(*values, *paper) / 3, max(*values, *paper) * 5))
    axes[0].invert_yaxis()
    figure.supxlabel("dashed: the least and the most that the paper reports", color=_GREY, fontsize="small")


def main() -> None:
    """Draw one plot. The drawing of equal results is equal to the byte."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "blindsight", "axes.spines.top": False, "axes.spines.right": False})
    from matplotlib.figure import Figure

    name = sys.argv[1]
    plot, size = {
        "peers": (_peers, (11, 3.2)),
        "growth": (_growth, (11, 8)),
        "paper": (_paper, (13, 4)),
    }[name]
    figure = Figure(figsize=size, layout="constrained", facecolor="#fbfbfa")
    plot(json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")), figure)
    figure.savefig(RESULTS / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
