"""No copy of a key holder's memory on disk, where a secret key would outlive the process."""

import ctypes
import resource
import sys

#: Linux's word for "this process may be dumped, and other processes of its user may read its memory".
_PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """Leave no core file when this process or a child crashes; and, on Linux, let no debugger but root's read it.

    Children inherit the first. The second makes what is private in /proc/PID root's, so that a debugger or profiler
    needs root too.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
