"""The README is short, and its demo prints what `make demo` prints."""

import io
import re
from pathlib import Path

from rich.console import Console

from blindsight.demo.report import Expectation, closing_table, make_report
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.plan.plan_file import load_plan
from edge.labels.results import Result
from models.catalogue import plan_file
from tests.docs.blocks import ROOT

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
#: Words of a text that somebody reads in one go.
_MOST_WORDS = 1200
STAGES = dict.fromkeys(("encrypt", "uplink", "queue", "keys", "evaluate", "downlink", "decrypt"), 1.0)
#: Rows that the plan decides, and neither the machine nor chance.
_SURE = ("custody", "sealed", "evaluation key bytes", "rotations", "security bits", "ring dimension", "modulus bits")


def _rows(text: str) -> dict[str, str]:
    """A table's names and values."""
    return dict(re.findall(r"^│ (\w[\w ]*?) +│ (.*?) *│$", text, re.M))


def test_the_readme_is_read_in_one_go() -> None:
    assert len(TEXT.split()) < _MOST_WORDS


def test_the_readme_shows_the_rows_of_the_demo_s_report(tmp_path: Path) -> None:
    plan = load_plan(plan_file(Path("meter")))
    keys = EvaluationKeysHeader(
        "", plan.head.parameters, plan.head.relinearisation_level, plan.head.rotations, seeded=True
    )
    result = Result("cam-01", "00000000-0123456789abcdef", 0, "a.png", "4", 0.0, 80.0, STAGES, 319_504, 102_739, 1)
    report = make_report(plan, [result], {"a.png": Expectation("4", "4", 1.0)}, 40, keys, {})
    report["readings"] = {"pictures": 40, "read": 40, "uncertain": 1, "right": 39}
    printed = io.StringIO()
    Console(file=printed, width=80).print(closing_table(report))
    shown, real = _rows(TEXT), _rows(printed.getvalue())
    assert list(shown) == list(real)
    assert {name: shown[name] for name in _SURE} == {name: real[name] for name in _SURE}
