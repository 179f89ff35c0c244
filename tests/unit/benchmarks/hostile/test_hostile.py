"""The benchmark of hostile devices: what is made of a victim's labels, and the bounds of the attacks. No times here."""

import pytest

from benchmarks.harness.figures import Figures
from benchmarks.hostile.__main__ import hold_against_idle
from benchmarks.hostile.attacks import attacker, bad_keys
from benchmarks.hostile.site import Effort, measure_victim, summarise
from common.keys.evaluation_keys import read_header
from edge.labels.results import Result


def results(*latencies_ms: float) -> list[Result]:
    return [
        Result("victim", "job", number, "a.png", "7", 0.0, latency, {"evaluate": 90.0}, 1, 1, 1)
        for number, latency in enumerate(latencies_ms)
    ]


def test_a_frame_without_a_label_counts_as_later_than_all_others() -> None:
    labelled = summarise(results(*range(20, 0, -1)), Effort(20, 1))
    assert (labelled["p50"], labelled["p95"], labelled["evaluate"]) == (10, 19, 90)
    one_missing = summarise(results(*range(1, 20)), Effort(20, 1))
    assert (one_missing["p50"], one_missing["p95"], one_missing["labels"]) == (10, 19, 19)
    two_missing = summarise(results(*range(1, 19)), Effort(20, 1))
    assert (two_missing["p50"], two_missing["p95"]) == (10, None)
    none = summarise([], Effort(20, 1))
    assert (none["p50"], none["p95"], none["labels"], none["evaluate"]) == (None, None, 0, None)


def test_an_attack_is_held_against_three_times_the_idle_latency_and_one_evaluation() -> None:
    idle: Figures = {"p50": 100.0, "p95": 120.0, "evaluate": 80.0}
    report = {"victim_ms": {"idle": idle, "flood": {"p95": 190.0}, "bad_keys": {"p95": None}}}
    victims = hold_against_idle(report)["victim_ms"]
    assert victims["flood"]["p95_of_allowed"] == 0.5
    assert victims["bad_keys"]["p95_of_allowed"] is None
    assert hold_against_idle({"victim_ms": {"flood": {"p95": 1.0}}})["victim_ms"]["flood"]["p95_of_allowed"] is None


def test_an_attack_is_bounded_in_time() -> None:
    arguments = ["--port", "1", "--user", "cam", "--password-file", "password"]
    assert attacker.parse_options(None, [*arguments, "--seconds", "1e9"]).seconds == attacker.MOST_SECONDS


def test_an_attack_has_no_option_to_leave_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        attacker.parse_options(None, ["--host", "192.0.2.1", "--port", "1", "--user", "cam", "--password-file", "p"])
    assert "--host" in capsys.readouterr().err
    assert attacker.LOOPBACK == "127.0.0.1"


def test_bad_keys_are_well_formed() -> None:
    data = bad_keys.bad_keys("ab" * 32)
    assert read_header(data)[0].parameters.ring_dimension == 32768
    assert len(data) < 450_000


@pytest.mark.slow
def test_an_attack_runs_beside_a_victim_on_real_processes() -> None:
    figures = measure_victim("flood", Effort(2, 2))
    assert figures["frames"] >= 2
    assert figures["attack"]["published"] > 0
    assert figures["ended"] == []
