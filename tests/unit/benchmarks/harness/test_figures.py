"""Figures of benchmarks: what is made of measured rounds. No times are measured here."""

import json
import re

import pytest

from benchmarks.harness import figures
from benchmarks.harness.figures import Figures

FACTS: Figures = {
    "version": "1.0",
    "ring_dimension": 8192,
    "modulus_bits": 218,
    "key_bytes": 20_000_000,
    "uplink_bytes": 300_000,
    "downlink_bytes": 100_000,
}


def rounds(*ms: float, **more: float) -> list[Figures]:
    return [{"ms": each, "max_score_error": each / 1000, "agreement": 1.0, **more} for each in ms]


def compared(peer: Figures | None, ours: Figures, bars: dict[str, float]) -> Figures:
    ratio = figures.ratio(peer, ours)
    return {
        "id": "a",
        "title": "a network",
        "layers": "conv, x², 10",
        "peer": peer,
        "blindsight": ours,
        "ratio": ratio,
        "bars": figures.judge({**ours, "ratio": ratio}, bars, least=["ratio"]),
        "notes": ["A note."],
    }


def report(*comparisons: Figures) -> Figures:
    run = {"rounds": 3, "frames": 10, "peer_frames": 2, "machine": "a machine"}
    return {"run": run, "comparisons": list(comparisons)}


@pytest.mark.parametrize(
    ("dimension", "bits", "level"),
    [(8192, 218, 128), (8192, 219, None), (8192, 152, 192), (16384, 237, 256), (512, 27, None)],
)
def test_security_is_the_highest_level_reached(dimension: int, bits: int, level: int | None) -> None:
    assert figures.security_bits(dimension, bits) == level


def test_a_summary_takes_the_median_time_and_the_worst_error() -> None:
    summary = figures.summarise("Blindsight", FACTS, rounds(10, 90, 20, rotation_ms=2))
    assert summary["ms"] == 20
    assert summary["max_score_error"] == 0.09
    assert summary["ms_in_rotations"] == 10
    assert summary["security_bits"] == 128


def test_the_time_of_each_engine_is_a_column() -> None:
    each = rounds(10, 20, 30, rotation_ms=2)
    for number, one in enumerate(each):
        one["rotations_time"] = {"avx2": 5.0 + number, "pyfhel": 20.0}
    ours = figures.summarise("Blindsight", FACTS, each)
    assert ours["rotations_time"] == {"avx2": 6.0, "pyfhel": 20.0}
    peer = figures.summarise("peer", FACTS, rounds(400, 400, 400))
    header, _, theirs, own, *_ = figures.markdown(report(compared(peer, ours, {}))).splitlines()
    assert "| ratio | in rotations' time, avx2 | in rotations' time, pyfhel | keys, MB |" in header
    assert "| 400 |  |  |  | 20.0 |" in theirs
    assert "| **20.0×** | 6.00 | 20.00 | 20.0 |" in own


def test_agreement_is_of_all_rounds() -> None:
    measured = [*rounds(1), {**rounds(1)[0], "agreement": 0.5}]
    assert figures.summarise("peer", FACTS, measured)["agreement"] == 0.75


def test_the_ratio_compares_rounds_that_ran_side_by_side() -> None:
    # The machine was four times slower in the last round, for both.
    peer = figures.summarise("peer", FACTS, rounds(100, 100, 400))
    ours = figures.summarise("Blindsight", FACTS, rounds(10, 20, 40))
    assert figures.ratio(peer, ours) == 10


def test_rounds_without_a_partner_are_not_compared() -> None:
    peer = figures.summarise("peer", FACTS, rounds(100))
    with pytest.raises(ValueError, match="argument 2"):
        figures.ratio(peer, figures.summarise("Blindsight", FACTS, rounds(10, 20)))


def test_a_peer_that_was_not_measured_has_no_ratio_and_no_figures() -> None:
    ours = figures.summarise("Blindsight", FACTS, rounds(10, rotation_ms=2))
    missing = {"name": "Orion", "not_measured": "No module named 'orion'"}
    comparison = compared(missing, ours, {"ratio": 4})
    assert comparison["ratio"] is None
    assert [bar["met"] for bar in comparison["bars"]] == [None]
    text = figures.markdown(report(comparison))
    assert "| Orion | not measured: No module named 'orion' |" in text
    assert "×**" not in text


def test_a_ratio_must_reach_its_bar_and_a_size_must_not_pass_it() -> None:
    peer = figures.summarise("peer", FACTS, rounds(400))
    ours = figures.summarise("Blindsight", FACTS, rounds(10, rotation_ms=2))
    bars = compared(peer, ours, {"ratio": 40, "key_bytes": 19e6, "uplink_bytes": 300e3, "ms_in_rotations": 4.9})["bars"]
    assert [bar["met"] for bar in bars] == [True, False, True, False]


def test_the_table_has_a_cell_for_every_column_in_every_row() -> None:
    ours = figures.summarise("Blindsight", FACTS, rounds(10, rotation_ms=2))
    peer = figures.summarise("peer", FACTS, rounds(400))
    missing = {"name": "Orion", "not_measured": "a | b"}
    text = figures.markdown(report(compared(peer, ours, {}), compared(missing, ours, {}), compared(None, ours, {})))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 2 + 2 + 1
    assert {len(re.findall(r"\|", row)) for row in rows} == {len(re.findall(r"\|", rows[0]))}
    assert "**40.0×**" in text


def test_a_modulus_beyond_every_bound_is_said_in_the_table() -> None:
    ours = figures.summarise("Blindsight", FACTS, rounds(10, rotation_ms=2))
    weak = figures.summarise("peer", {**FACTS, "modulus_bits": 300}, rounds(400))
    assert "below 128" in figures.markdown(report(compared(weak, ours, {})))


def test_a_report_survives_json() -> None:
    ours = figures.summarise("Blindsight", FACTS, rounds(10, rotation_ms=2))
    made = report(compared(None, ours, {"key_bytes": 35e6}))
    assert figures.markdown(json.loads(json.dumps(made))) == figures.markdown(made)
