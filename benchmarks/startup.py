"""What it takes to start: CPU time and memory of commands, beside those of Python alone.

python -m benchmarks.startup

Each command runs several times, in turn with the others, and its least figures count: they are of the run that
the machine disturbed least. The ratios say more than the figures, which are of this machine. Services end at the
first thing that is missing, so all they have done is to import, and to read their settings.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

#: Runs of each command.
_RUNS = 5
#: The name of Python's own start among the commands.
_ALONE = "python -c pass"

_COMMANDS = {
    _ALONE: "",
    "blindsight --help": "--help",
    "blindsight keys show": "keys show /nowhere",
    "blindsight device": "device --device a --camera folder:c --plan /nowhere --state FOLDER",
    "blindsight console": "console --keys /nowhere --plans digits --state FOLDER",
    "blindsight bridge": "bridge --mqtt-ca-file /nowhere",
    "blindsight worker": "worker --plans /nowhere",
}
#: Runs a command line, if there is one, and then copies the process's status to a file: what the kernel tells its
#: parent of its memory begins with the parent's own.
_PROGRAM = """
import atexit, runpy, sys
file = sys.argv.pop()
atexit.register(lambda: open(file, "w").write(open("/proc/self/status").read()))
if sys.argv[1:]:
    runpy.run_module("blindsight", run_name="__main__", alter_sys=True)
"""


def measure() -> dict[str, dict[str, float]]:
    """By command: CPU seconds, peak memory in MB, and how many times those of Python alone they are."""
    seconds: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    peaks: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    with tempfile.TemporaryDirectory(prefix="blindsight-") as folder:
        for _ in range(_RUNS):
            for name, line in _COMMANDS.items():
                used, peak = _run(line.replace("FOLDER", folder).split(), Path(folder) / "status")
                seconds[name].append(used)
                peaks[name].append(peak)
    return {
        name: {
            "cpu_seconds": round(min(seconds[name]), 3),
            "peak_mb": round(min(peaks[name]), 1),
            "cpu_ratio": round(min(seconds[name]) / min(seconds[_ALONE]), 1),
            "peak_ratio": round(min(peaks[name]) / min(peaks[_ALONE]), 1),
        }
        for name in _COMMANDS
    }


def _run(arguments: list[str], status: Path) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of Python that runs a command line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", _PROGRAM, *arguments, str(status)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return seconds, int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
