"""What memory a process takes, in bytes."""

from pathlib import Path


def resident_bytes() -> int:
    """The process's memory now."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """The process's peak. Not `ru_maxrss`, which starts with the parent's where a process is forked."""
    return _status("VmHWM")


def shared_bytes(pid: int) -> int:
    """A process's memory, of which what it shares with others counts in parts (PSS): so sums count nothing twice."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
