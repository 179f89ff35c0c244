"""Where results are kept, and of which machine they are."""

import os
import platform
from pathlib import Path

#: The folder of the figures, tables and plots that pages quote.
RESULTS = Path(__file__).parents[1] / "results"


def machine() -> str:
    """The processor's name, without which times say little."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
