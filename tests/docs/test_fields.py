"""The tables of fields in the integrators' pages are those of the messages and lines that are written."""

import re
from typing import Any, get_type_hints

import pytest

from common.publishing.events import FrameLabel
from common.readings.reading import Reading
from common.wire.status import Status
from console.record.export import Row
from console.record.record_file import Check
from edge.labels.results import Result
from tests.docs.blocks import ROOT

TEXT = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("integration.md", "publishing.md"))


@pytest.mark.parametrize(
    ("table", "struct", "more"),
    [
        ("field of the status", Status, set()),
        ("field of a result", Result, set()),
        ("field of a label", FrameLabel, {"kind"}),
        ("field of a reading", Reading, {"kind"}),
        ("field of an export", Row, set()),
    ],
)
def test_a_table_has_every_field(table: str, struct: Any, more: set[str]) -> None:
    rows = TEXT.split(f"| {table} | what it is |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted({*get_type_hints(struct), *more})


def test_an_alarm_has_the_fields_that_are_named() -> None:
    (sentence,) = re.findall(r"^An alarm has (.*),", TEXT, re.M)
    assert re.findall(r"`(\w+)`", sentence) == ["kind", *Check.__struct_fields__]
