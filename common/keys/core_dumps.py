"""No copy of a key holder's memory on disk, where a secret key would outlive the process."""

import ctypes
import resource
import sys

#: The option of Linux's `prctl` that says whether a process may be dumped, and read by others of its user.
_PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """Let this process and its children leave no core file and, on Linux, let root alone read this one's memory.

    Root alone reads the private files in /proc/PID then too, so a debugger or profiler needs root. A program that
    this process starts inherits the limit on core files, and not the protection of the memory.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
