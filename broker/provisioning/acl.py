"""Mosquitto's access rules in the one file that it takes: ours, those of readers, and the operator's own."""

from collections.abc import Collection, Iterable
from pathlib import Path
from string import Template

from common.errors import ConfigurationError

#: The words that a line of access rules may begin with.
_RULES = ("user", "topic", "pattern")
#: Beginnings of the lines between which the rules of a file in the operator's folder stand.
_FROM, _END = "# From acl.d/", "# End of acl.d/"


def compose(ours: str, reader: str, readers: Iterable[str], own: Path) -> str:
    """The file's contents. `ours` are our rules, `reader` is the template of a reader's, `own` the operator's folder.

    Raises `ConfigurationError` for a file in that folder that Mosquitto couldn't read, or that would change the rules
    of another user, and `OSError` and `UnicodeDecodeError` for a file that can't be read.
    """
    parts = [ours, *(Template(reader).substitute(reader=name) for name in readers)]
    for path in sorted(own.glob("*.conf")):
        text = path.read_text()
        _check(path, text)
        parts.append(f"{_FROM}{path.name}\n{text.rstrip()}\n{_END}{path.name}")
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def rules(text: str) -> list[str]:
    """The rules in a file's contents, each with the user that it is for."""
    lines, user = [], ""
    for line in text.splitlines():
        rule = line.strip()
        if rule.startswith("user "):
            user = rule
        elif rule and not rule.startswith("#"):
            lines.append(rule if rule.startswith("pattern ") else f"{user}: {rule}")
    return lines


def strays(text: str, ours: Collection[str]) -> list[str]:
    """Lines for the operator's folder: rules of users that aren't `ours`, which somebody wrote into the file."""
    lines, user, inside = list[str](), "", False
    for line in text.splitlines():
        rule = line.strip()
        inside = (inside or rule.startswith(_FROM)) and not rule.startswith(_END)
        if rule.startswith("user "):
            user = rule.removeprefix("user ").strip()
        if not inside and user and user not in ours and rule.startswith(("user ", "topic ")):
            lines.append(rule)
    return lines


def _check(path: Path, text: str) -> None:
    user = False
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] not in _RULES or len(words) < 2:
            raise ConfigurationError(f"{path}, line {number}: {line.strip()!r} isn't a user, topic or pattern")
        user = user or words[0] == "user"
        if words[0] == "topic" and not user:  # it would belong to the last user above
            raise ConfigurationError(f"{path}, line {number}: a topic before any user; put `user NAME` above it")
