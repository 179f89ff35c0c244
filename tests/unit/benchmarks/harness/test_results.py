"""The results in the repository fit together, and the documentation quotes them."""

import json

from benchmarks.harness import figures
from benchmarks.harness.contestant import ROOT
from benchmarks.harness.results import RESULTS


def test_the_table_is_that_of_the_figures() -> None:
    report = json.loads((RESULTS / "peers.json").read_text(encoding="utf-8"))
    assert figures.markdown(report) == (RESULTS / "peers.md").read_text(encoding="utf-8")


def test_the_page_for_model_makers_has_the_table() -> None:
    rows = [line for line in (RESULTS / "peers.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert rows
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in page] == [], "copy the table of benchmarks/results/peers.md"
