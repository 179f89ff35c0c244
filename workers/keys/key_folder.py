"""The folder for key sets that the processes of a machine share: ours, and nobody else's."""

import os
import stat
import tempfile
from pathlib import Path

from common.logs import get_logger

log = get_logger(__name__)


def key_folder(configured: Path | None) -> Path | None:
    """A private folder that can be written to: the configured one, or else one of `_places`. It is made if need be.

    None where there is none, which the log says: then each process holds its own keys.
    """
    reasons: list[str] = []
    for folder in [configured] if configured is not None else _places():
        reason = _why_not(folder)
        if reason is None:
            return folder
        reasons.append(f"{folder}: {reason}")
    log.warning("no folder for key sets, so each process holds its own; give a --key-folder", reason="; ".join(reasons))
    return None


def _places() -> list[Path]:
    """Among the user's caches; or among temporary files, where a service has no home or may not write to it."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", ""), ".cache"))
    temporary = Path(tempfile.gettempdir()) / f"blindsight-keys-{os.geteuid()}"
    return [caches / "blindsight" / "keys", temporary] if caches.is_absolute() else [temporary]


def _why_not(folder: Path) -> str | None:
    """Why a folder can't be used; None if it can. Whoever else could write to it could change what workers answer."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISDIR(state.st_mode):
        return "it isn't a folder"
    if state.st_uid != os.geteuid():
        return "it is another user's"
    if state.st_mode & 0o077:
        return f"it isn't private; run: chmod 700 {folder}"
    return None if os.access(folder, os.W_OK | os.X_OK) else "it can't be written to"
