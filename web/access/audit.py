"""The audit log: a line of JSON for whatever was changed, and for each login, with who, when and from where.

Lines are only ever appended, by any number of processes. A file that has reached its bound is put aside under a
number, and the oldest one goes, so that whoever provokes lines fills no disk. No line holds a password, a token, a
cookie or a label. Texts from outside are cut and escaped.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from common.errors import ConfigurationError
from common.logs import get_logger
from common.quoting import shown
from web.access.files import FILE_MODE, changing

#: The file's name; bytes of it at which it is put aside; and how many are kept besides.
_FILE, MOST_BYTES, OLDER = "audit.jsonl", 1 << 22, 4
#: Names, such as jobs, of which a line lists as many; it says how many there were.
_MOST_NAMED = 100
#: What a line says besides: a name, or several.
Details = Mapping[str, str | Sequence[str]]
_log = get_logger(__name__)


class Audit:
    """The log in a folder."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.path = folder / _FILE
        self._folder, self._most_bytes = folder, most_bytes

    def record(self, what: str, who: str, address: str, details: Details | None = None) -> None:
        """Append a line, before the change that it is about. Raises `ConfigurationError` where that can't be done.

        `what` is one of our own words, such as `retry`; `details` say what it was done to.
        """
        line: dict[str, object] = {"at": round(time.time(), 3), "what": what, "who": shown(who), "from": shown(address)}
        for name, value in (details or {}).items():
            if isinstance(value, str):
                line[name] = shown(value)
            else:
                line[name] = [shown(each) for each in value[:_MOST_NAMED]]
                line[f"number_of_{name}"] = len(value)
        try:
            self._append(msgspec.json.encode(line) + b"\n")
        except OSError as error:
            raise ConfigurationError(f"the audit log {self.path} can't be written: {error.strerror}") from error

    def note(self, what: str, who: str, address: str) -> None:
        """The same where nothing shall fail for it, such as a login while the disk is full: then the log says so."""
        try:
            self.record(what, who, address)
        except ConfigurationError as error:
            _log.error("audit", problem=str(error))

    def _append(self, line: bytes) -> None:
        with changing(self._folder):
            if self.path.exists() and self.path.stat().st_size + len(line) > self._most_bytes:
                for number in range(OLDER - 1, 0, -1):
                    if (older := self._older(number)).exists():
                        older.replace(self._older(number + 1))
                self.path.replace(self._older(1))
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            try:
                os.write(file, line)
            finally:
                os.close(file)

    def _older(self, number: int) -> Path:
        return self.path.with_name(f"{_FILE}.{number}")
