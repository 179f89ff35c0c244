"""The API's types hold for a program that mypy checks strictly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import blindsight

ROOT = Path(blindsight.__file__).parents[1]
PROGRAM = """
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import blindsight as bs


class Slides(bs.Camera):
    def shots(self) -> Iterator[bs.Shot]:
        yield bs.Shot(np.zeros((28, 28, 1), np.uint8), "slide")

    def close(self) -> None: ...


class Duck:
    def shots(self) -> Iterator[bs.Shot]:
        yield from ()

    def close(self) -> None: ...


def show(result: bs.Result) -> None:
    print(result.label, result.counter)


def main(frames: NDArray[np.uint8]) -> tuple[str, ...]:
    plan: bs.Plan = bs.compile("network.onnx", frames, labels=["a", "b"], encrypt_from="last")
    network, report = bs.import_network(Path("network.onnx"), frames)
    share: float = report.agreement
    keys = bs.KeySet.create(plan)
    keys.save(Path("keys"), passphrase="x")
    burst: bytes = bs.PublicKeys.load("public", plan).encrypt(frames)
    scores: bytes = bs.Evaluator(plan, keys.evaluation).evaluate(burst)
    with bs.Device("cam-01", plan="digits", broker="mqtt://b", state="s", on_label=show, camera=Duck()) as device:
        job: str = device.submit(frames[0], Image.new("L", (28, 28)), Path("picture.png"))
        done: bool = device.wait(1.0)
        print(device.counts.pending, device.health, job, done, share, network.labels)
    with bs.Console(keys="k", plans=[plan, plan.head, "x"], broker="mqtt://b", state="s", on_label=print) as console:
        print(console.counts)
    dense = bs.layers.Dense(np.zeros((2, 2)), np.zeros(2))
    print(dense, Slides())
    return keys.decrypt(scores).labels
"""
WRONG = """
import blindsight as bs

plan = bs.load_plan("digits")
bs.Evaluator(plan, "keys")
bs.KeySet.create(plan).encrypt("picture.png")
bs.recompile
"""


def check(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), "program.py"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.mark.slow
def test_a_program_with_right_types_passes_and_one_with_wrong_types_does_not(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text("[mypy]\nfollow_imports = silent\nplugins = pydantic.mypy\n")
    right = check(tmp_path, PROGRAM)
    assert right.returncode == 0, right.stdout
    wrong = check(tmp_path, WRONG)
    assert [line.rpartition("  ")[2] for line in wrong.stdout.splitlines() if ": error: " in line] == [
        "[arg-type]",
        "[arg-type]",
        "[attr-defined]",
    ]
