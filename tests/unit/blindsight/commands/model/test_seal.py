"""From a model to a sealed plan on the command line, with three parties: the site, the model's owner, the worker."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from blindsight.cli import app, main
from common.plan.plan_file import load_head, load_plan
from common.plan.sealed import open_sealed
from tests.networks import random_frames, small_network


def cli(*arguments: object) -> str:
    """What a command prints that must succeed."""
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def fail(*arguments: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The message of a command that must end with exit code 1."""
    monkeypatch.setattr(sys, "argv", ["blindsight", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    return " ".join(capsys.readouterr().err.split())


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the model's owner works, with a small model and its plans."""
    folder = tmp_path / "owner"
    (folder / "small").mkdir(parents=True)
    monkeypatch.chdir(folder)
    network = small_network()
    network.save(folder / "small" / "network.npz")
    frames = random_frames(network, 10)
    (folder / "small" / "samples").mkdir()
    lines = ["file,label"]
    for number, (frame, label) in enumerate(zip(frames, network.scores(frames).argmax(axis=1), strict=True)):
        Image.fromarray(frame[..., 0]).save(folder / "small" / "samples" / f"{number}.png")
        lines.append(f"{number}.png,{network.labels[label]}")
    (folder / "small" / "samples" / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("first", ["0", "last"])
@pytest.mark.slow
def test_a_model_is_sealed_with_no_more_than_the_public_part_of_a_key_set(owner: Path, first: str) -> None:
    said = cli("model", "compile", "./small", "--sealed", "--encrypt-from", first)
    (plan,) = owner.glob("small-128*-unsealed.plan")
    assert f"{plan.name}, which stays here" in " ".join(said.split())
    cli("keys", "create", "../site/keys", "--plan", plan.with_suffix(".head"))
    cli("keys", "public", "../site/keys", "public")
    fingerprint = json.loads(cli("keys", "show", "public", "--json"))["fingerprint"]
    cli("model", "seal", plan, "--key-set", "public", "-o", "small-128.sealed")
    sealed = open_sealed(owner / "small-128.sealed")
    head = load_head(owner / "small-128.sealed.head")
    assert head.hash == sealed.plan.head.hash != load_plan(plan).head.hash
    assert head.sealed_for == fingerprint
    head.check_front()  # devices get the layers that they run in plain
    assert json.loads(cli("model", "show", "small-128.sealed", "--json"))["sealed_for"] == fingerprint


@pytest.mark.slow
def test_a_key_set_for_another_plan_is_refused(
    owner: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli("model", "compile", "./small", "--sealed")
    cli("keys", "create", "keys", "--plan", "digits")
    said = fail("model", "seal", "small-128-unsealed.plan", "--key-set", "keys", monkeypatch=monkeypatch, capsys=capsys)
    assert "has other parameters" in said
    assert "blindsight keys create" in said
    assert not (owner / "small-128.sealed").exists()


def test_a_plan_that_was_not_compiled_for_sealing_is_refused(
    owner: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli("model", "compile", "./small")
    cli("keys", "create", "keys", "--plan", "small-128.head")
    said = fail("model", "seal", "small-128.plan", "--key-set", "keys", monkeypatch=monkeypatch, capsys=capsys)
    assert "blindsight model compile --sealed" in said


@pytest.mark.slow
def test_a_sealed_plan_works_for_the_frames_of_its_key_set(owner: Path) -> None:
    said = cli("model", "evaluate", "./small", "--sealed", "--frames", "4", "--json", "-")
    report = json.loads(said[said.index("{") :])
    assert report["agreement"] == 1
    assert report["max_score_error"] <= report["score_error_bound"]


def test_the_demo_seals_for_a_site_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "add --custody site" in fail("demo", "--sealed", monkeypatch=monkeypatch, capsys=capsys)
