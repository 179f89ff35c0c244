"""Speed and size of `digits` at 128 bits, one thread, next to what they are held against.

python -m benchmarks.digits [--json]

Evaluation is given as a ratio to one rotation at N = 8192 with 3 data primes, measured between
the frames of the same run, so that machines and their noise compare. The pipeline's share is
measured on real servers with one camera at two frames a second, so that nothing queues.
"""

import json
import subprocess
import sys

from rich.table import Table

from benchmarks.worker_memory import measure as worker_memory
from blindsight.command_line.output import console
from blindsight.measure.evaluation import evaluate_model
from models.catalogue import load_network
from models.plans import get_plan
from models.samples import load_samples

_FRAMES = 100
_PIPELINE = ["demo", "--model", "digits", "--devices", "1", "--frames", "30", "--rate", "2", "--json", "-"]


def measure() -> dict[str, float | None]:
    """The figures of the table, in ms, bytes and MB."""
    with console.status("evaluating encrypted frames"):
        plan = get_plan("digits", 128)
        result = evaluate_model(load_network("digits"), plan, load_samples("digits"), _FRAMES, lambda _: None)
    with console.status("running the pipeline"):
        command = [sys.executable, "-m", "blindsight", *_PIPELINE]
        report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    with console.status("measuring a worker's memory"):
        memory = worker_memory("digits", 10)
    return {
        "evaluate_ms_p50": result.evaluate_ms["p50"],
        "rotation_ms": result.rotation_ms,
        "evaluate_in_rotations": result.evaluate_in_rotations,
        "pipeline_adds_ms_p50": report["pipeline_adds_ms"],
        "uplink_bytes": result.uplink_bytes,  # of a device whose fleet has its keys
        "downlink_bytes": report["downlink_bytes"],
        "evaluation_key_bytes": report["evaluation_key_bytes"],
        "worker_machine_mb": memory.machine_mb,
        "agreement": result.agreement,
        "max_score_error": result.max_score_error,
    }


_BARS = {
    "evaluate_in_rotations": 7,
    "pipeline_adds_ms_p50": 60,
    "uplink_bytes": 80_000,
    "downlink_bytes": 62_000,
    "evaluation_key_bytes": 16_000_000,
    "worker_machine_mb": 450,
}


def main() -> None:
    """Print the figures, with the bars that they are held against."""
    figures = measure()
    if "--json" in sys.argv[1:]:
        print(json.dumps(figures, indent=2))
        return
    table = Table("figure", "measured", "at most")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.4g}" if isinstance(value, float) else f"{value:,}", _bar(name))
    console.print(table)


def _bar(name: str) -> str:
    return f"{_BARS[name]:,}" if name in _BARS else ""


if __name__ == "__main__":
    main()
