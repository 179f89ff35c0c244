"""A format: seeds that are right, and what reads bytes of it as the product does."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

KEPT = Path(__file__).parents[1] / "data" / "fuzz"


@dataclass(frozen=True)
class Target:
    """`read` may raise `BlindsightError` and nothing else; `seeds` give bytes that it reads without one.

    `structure` is how seeds may be taken apart for mutation: "msgpack", "json", or "" for bytes alone.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes], object]
    structure: str = ""

    def kept(self) -> list[Path]:
        """Inputs that failed once."""
        return sorted((KEPT / self.name).glob("*"))


@cache
def scratch() -> Path:
    """A folder of this process, for parsers that read files; whoever starts the process names its parent."""
    return Path(tempfile.mkdtemp(prefix="blindsight-fuzz-"))


def as_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A reader of bytes from a reader of files called `name`."""

    def read_bytes(data: bytes) -> object:
        path = scratch() / name
        path.write_bytes(data)
        return read(path)

    return read_bytes
