"""Small disks that can be filled: tmpfs, mounted in a mount namespace of the test's own."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_PIECE = 1 << 20


class SmallDisk:
    """A tmpfs over a folder, whose present files are kept."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._filler = folder / "filler"
        files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        options = f"size={megabytes}m,mode=0700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True, capture_output=True)
        self._folder = folder
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    def fill(self) -> None:
        """Leave no byte free."""
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                if file.write(bytes(_PIECE)) < _PIECE:
                    os.write(file.fileno(), bytes(1))

    def free(self) -> None:
        """Free what `fill` took."""
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        """End it, lazily: processes may still end in it."""
        subprocess.run(["umount", "--lazy", self._folder], check=True, capture_output=True)


def can_mount() -> bool:
    """Whether this process may mount disks that nobody else sees."""
    return "--in-namespace" in sys.argv


def namespace_command() -> list[str] | None:
    """What to put before a command so that it may mount disks; None where the kernel doesn't let us."""
    options = ["--mount"] if os.geteuid() == 0 else ["--mount", "--user", "--map-root-user"]
    command = ["unshare", *options, "--propagation", "private", "--"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return command
