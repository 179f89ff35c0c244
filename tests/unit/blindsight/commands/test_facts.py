"""What commands print for people: rounded figures with units, and no trace of Python."""

import io
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from rich.table import Table

from blindsight.command_line.facts import print_facts
from blindsight.commands.keys import show as show_keys
from blindsight.commands.model.evaluation_table import result_table
from blindsight.commands.model.plan_table import plan_facts as facts_of
from blindsight.commands.model.plan_table import plan_lines, plan_table
from blindsight.demo.report import closing_table, make_report
from blindsight.measure.evaluation import Evaluation, Simulation
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.keys.key_set import create_key_set
from common.plan.plan import Plan
from common.plan.plan_file import load_head, load_plan
from models.catalogue import plan_path

#: None, a dict or list, and figures of five places or more behind the point.
PYTHON = re.compile(r"None|True|False|[{}\[\]]|\d\.\d{5,}")

EVALUATION = Evaluation(
    model="digits",
    plan="4787cf1f6a1e2ef294760e8d47aaf132d98077fbc416180bef82db98a44decb0",
    engine={"engine": "native", "path": "avx2"},
    security_bits=128,
    ring_dimension=8192,
    modulus_bits=216,
    frames=3,
    frames_per_ciphertext=1,
    plain_accuracy=0.9934,
    plain_accuracy_same_frames=2 / 3,
    encrypted_accuracy=2 / 3,
    agreement=1.0,
    max_score_error=0.024613947181274,
    score_error_bound=0.08236006734360603,
    evaluate_ms={"p50": 63.41, "p95": 1065.072},
    ms_per_frame=63.41,
    predicted_ms=56.0,
    encrypt_ms={"p50": 6.2, "p95": 6.4},
    decrypt_ms={"p50": 1.5, "p95": 1.6},
    rotations=26,
    rotation_ms=2.4123456789012345,
    evaluate_in_rotations=26.285714285714285,
    key_bytes=20037876,
    uplink_bytes=319504,
    downlink_bytes=102416,
    groups=None,
)
SIMULATION = Simulation("digits", EVALUATION.plan, 100, 1.0, 1.0, 1.0, 5.551115123125783e-16, None)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(plan_path("digits", 128))


def printed(table: Table) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_an_evaluation_is_told_in_units_a_person_knows() -> None:
    told = printed(result_table(EVALUATION))
    assert not PYTHON.search(told)
    for line in (
        r"accuracy, plain, of all frames +│ 99\.34% ",
        r"labels that agree +│ 100\.00% ",
        r"largest error of a score +│ 0\.025; the plan's bound is 0\.082 ",
        r"evaluation +│ p50 63\.4 ms, p95 1,065\.1 ms ",
        r"evaluation, in rotations +│ 26\.3 rotations' time ",
        r"rotations +│ 26, of 2\.41 ms each ",
        r"up +│ 319,504 bytes ",
    ):
        assert re.search(line, told), line


def test_an_evaluation_tells_nothing_of_what_there_is_not() -> None:
    told = printed(result_table(replace(EVALUATION, rotations=0, rotation_ms=None, evaluate_in_rotations=None)))
    assert "in rotations" not in told and "each" not in told and "a frame" not in told
    told = printed(result_table(replace(EVALUATION, frames=128, frames_per_ciphertext=64, ms_per_frame=18.3)))
    assert "128, 64 in a ciphertext" in told and re.search(r"evaluation, a frame +│ 18\.3 ms ", told)


def test_a_simulation_is_told_like_an_evaluation() -> None:
    told = printed(result_table(SIMULATION))
    assert not PYTHON.search(told) and "5.6e-16" in told


def test_a_plan_is_told_without_what_it_does_not_have(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    print_facts(plan_lines(plan))
    told = capsys.readouterr().out
    assert not PYTHON.search(told)
    assert re.search(r"^on ciphertexts +the whole network$", told, re.MULTILINE)
    assert re.search(r"^modulus +214 bits: 52 \+ 52 \+ 50 \+ 60$", told, re.MULTILINE)
    assert re.search(r"^up +315,408 bytes; with seeds 157,776 bytes, folded 78,928 bytes$", told, re.MULTILINE)
    assert "a frame" not in told and "device's layers" not in told
    assert not PYTHON.search(printed(plan_table(facts_of(plan))))


def test_a_plan_is_told_with_what_makes_it_special(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    head = msgspec.structs.replace(plan.head, front_sha256="ab" * 32, sealed_for="cd" * 32, whole_input=True)
    print_facts(plan_lines(Plan(head, plan.stages)))
    told = capsys.readouterr().out
    assert re.search(r"^on ciphertexts +what is behind the device's layers$", told, re.MULTILINE)
    assert "folded" not in told
    assert f"SHA-256 {'ab' * 32}" in told and f"sealed for the key set {'cd' * 32}" in told


def test_a_key_set_is_told_without_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_key_set(load_head(plan_path("digits", 128)), tmp_path / "keys")
    show_keys(tmp_path / "keys")
    told = capsys.readouterr().out
    assert not PYTHON.search(told)
    assert re.search(r"^evaluation keys +(23,9|12,2)\d\d,\d\d\d bytes$", told, re.MULTILINE)


def test_a_demo_without_a_label_tells_no_times(plan: Plan) -> None:
    parameters, rotations = plan.head.parameters, dict(plan.head.rotations)
    keys = EvaluationKeysHeader("ab" * 32, parameters, plan.head.relinearisation_level, rotations)
    told = printed(closing_table(make_report(plan, [], {}, 40, keys, {})))
    assert not PYTHON.search(told)
    assert re.search(r"labelled +│ 0 ", told) and "latency" not in told and "uplink" not in told
