"""Message types that msgspec knows before any thread uses them.

msgspec learns a type when it first decodes one, which runs Python code, so that other threads get their turn
meanwhile. Two that make it learn the same type at once crash the process (seen with msgspec 0.22 on Python 3.11). A
program that embeds several devices has such threads.
"""

from typing import Any

import msgspec


def learn(*kinds: Any) -> None:
    """Let msgspec learn these types now; to be called where they are defined, which is imported once."""
    for kind in kinds:
        msgspec.msgpack.Decoder(kind)
