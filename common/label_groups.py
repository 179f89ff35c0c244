"""Groups of labels, for whoever acts on `vehicle` and not on `truck`.

A group is a function of a label alone, which its holder knows: nothing about groups is encrypted or sent to a fleet.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from common.errors import ConfigurationError
from common.quoting import shown

#: Characters of the longest name of a group.
_LONGEST_NAME = 256
#: Labels that an error lists, at most.
_LISTED = 20


@dataclass(frozen=True)
class LabelGroups:
    """Named groups that share no label: `by_label` has the group of each label that is in one."""

    by_label: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.by_label)

    @property
    def names(self) -> list[str]:
        """The groups' names, in the order in which they were given."""
        return list(dict.fromkeys(self.by_label.values()))

    def of(self, label: str) -> str:
        """The name of a label's group; empty for a label that is in none."""
        return self.by_label.get(label, "")

    def check(self, labels: Iterable[str]) -> None:
        """Raise `ConfigurationError` for a group with a label that isn't among these."""
        known = list(dict.fromkeys(labels))
        for label, group in self.by_label.items():
            if label not in known:
                near = difflib.get_close_matches(label, known, n=1)
                listed = ", ".join(shown(each) for each in known[:_LISTED])
                more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
                fix = f"did you mean {shown(near[0])!r}?" if near else "choose from them"
                raise ConfigurationError(
                    f"group {shown(group)!r} has the label {shown(label)!r}, which isn't one of the model's, "
                    f"{listed}{more}; {fix}"
                )


NO_GROUPS = LabelGroups()


def read_groups(texts: Sequence[str]) -> LabelGroups:
    """Groups, each written as NAME=LABEL,LABEL. Raises `ConfigurationError`."""
    by_label: dict[str, str] = {}
    for text in texts:
        name, equals, listed = (part.strip() for part in text.partition("="))
        labels = [label.strip() for label in listed.split(",")]
        if not equals or not name or not all(labels):
            raise ConfigurationError(
                f"group is {shown(text)!r}; give NAME=LABEL,LABEL, such as vehicle=automobile,truck"
            )
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            raise ConfigurationError(
                f"group is {shown(text)!r}; a name has up to {_LONGEST_NAME} characters, all of them printable"
            )
        if name in by_label.values():
            raise ConfigurationError(f"group {shown(name)!r} is there twice; give all of its labels at once")
        for label in labels:
            if label in by_label:
                raise ConfigurationError(
                    f"group {shown(name)!r} has the label {shown(label)!r}, which is in {shown(by_label[label])!r} "
                    "already; a label is in one group at most"
                )
            by_label[label] = name
    return LabelGroups(by_label)
