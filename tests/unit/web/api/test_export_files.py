"""All labels and readings as files: complete, in pieces, and of a bounded number at a time."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.web_site import MemorySite
from web.api.export_files import _csv, _lines, _parquet
from web.site import LabelFilter, LabelView


def rows(viewer: TestClient, format: str) -> list[dict[str, Any]]:
    answer = viewer.get(f"/api/v1/exports/labels?format={format}&device=hall")
    assert answer.headers["content-disposition"] == f'attachment; filename="labels.{format}"'
    if format == "csv":
        return list(csv.DictReader(io.StringIO(answer.text)))
    if format == "jsonl":
        return [json.loads(line) for line in answer.text.splitlines()]
    parquet = pytest.importorskip("pyarrow.parquet")
    found: list[dict[str, Any]] = parquet.read_table(io.BytesIO(answer.content)).to_pylist()
    return found


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_file_has_every_label_of_the_filter(viewer: TestClient, site: MemorySite, format: str) -> None:
    for label in ("a,b", 'a"b', "a\nb", "🙂", "<script>"):
        site.add_label("hall", label)
    expected = list(site.all_labels(LabelFilter(device="hall")))
    found = rows(viewer, format)
    assert [row["label"] for row in found] == [each.label for each in expected]
    assert [float(row["at"]) for row in found] == [each.at for each in expected]


def test_no_cell_is_a_formula(viewer: TestClient, site: MemorySite) -> None:
    """A spreadsheet program runs what begins like one."""
    site.add_label("hall", '=HYPERLINK("http://evil.example")')
    assert "'=HYPERLINK" in viewer.get("/api/v1/exports/labels?device=hall").text
    assert all(row["label"][0] not in "=+-@" for row in rows(viewer, "csv"))


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_an_empty_list_is_a_file_as_well(viewer: TestClient, format: str) -> None:
    answer = viewer.get(f"/api/v1/exports/readings?format={format}&name=none")
    assert answer.status_code == 200
    assert answer.content.startswith({"csv": b"device,name", "jsonl": b"", "parquet": b"PAR1"}[format])


class Endless(MemorySite):
    """A site whose labels have no end, and which counts those that were asked for."""

    asked = 0

    def all_labels(self, wanted: LabelFilter) -> Iterator[LabelView]:
        label = next(super().all_labels(LabelFilter()))
        while True:
            self.asked += 1
            yield label


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_file_is_made_as_it_is_read(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.api.export_files._ROWS_OF_GROUP", 1000)

    site = Endless(1, 1)
    make = {"csv": _csv, "jsonl": _lines, "parquet": _parquet}[format]
    pieces = make(site.all_labels(LabelFilter()), LabelView)
    for _ in range(3):
        next(pieces)
    assert 0 < site.asked <= 3000


def test_exports_have_a_bound_and_are_counted_down(
    app: FastAPI, viewer: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(9):
        assert viewer.get("/api/v1/exports/labels").status_code == 200
    monkeypatch.setattr("web.api.streams.MOST_DOWNLOADS", 0)
    answer = viewer.get("/api/v1/exports/labels")
    assert answer.status_code == 503 and answer.headers["retry-after"]


def test_without_pyarrow_parquet_says_what_to_install(viewer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.api.export_files.find_spec", lambda name: None)
    answer = viewer.get("/api/v1/exports/labels?format=parquet")
    assert answer.status_code == 501 and "pip install pyarrow" in answer.json()["detail"]
