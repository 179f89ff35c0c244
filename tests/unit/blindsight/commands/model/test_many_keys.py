"""A plan whose evaluation keys Redis can't hold is told of before a worker refuses it, with what helps."""

import re
import shutil
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from blindsight.cli import app
from blindsight.commands.model.importing.plan import Compiled
from blindsight.commands.model.plan_table import keys_refusal
from common.errors import KeySetError
from common.plan.plan import Plan
from common.plan.plan_file import load_plan
from models.catalogue import plan_path

REFUSAL = (
    "Redis holds no value above 536,870,912: compile it for fewer keys (blindsight model compile --objective small)"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A user's model with such a plan: digits, with a key for nearly every step."""
    file = plan_path("digits", 128)
    shutil.copytree(file.parent, tmp_path / "digits")
    plan = load_plan(file)
    rotations = dict.fromkeys(range(1, 1000), 2) | plan.head.rotations
    Plan(msgspec.structs.replace(plan.head, rotations=rotations), plan.stages).save(tmp_path / "digits" / file.name)
    return tmp_path / "digits"


def test_a_plan_is_shown_with_what_helps(model: Path) -> None:
    shown = CliRunner().invoke(app, ["model", "show", str(model)]).stdout
    assert REFUSAL in shown
    assert "room for keys" not in shown
    of_few = CliRunner().invoke(app, ["model", "show", "digits"]).stdout
    assert "workers refuse it" not in of_few
    assert re.search(r"^room for keys +of 131 devices in Redis, unless it is given more than 2 GB$", of_few, re.M)


def test_a_demo_ends_before_it_starts_anything(model: Path) -> None:
    error = CliRunner().invoke(app, ["demo", "--model", str(model)]).exception
    assert isinstance(error, KeySetError)
    assert REFUSAL in str(error)
    assert str(error).endswith(f"takes such a plan from {model}/digits-128.plan (--out)")


def test_behind_an_import_comes_the_demo_or_else_what_needs_fewer_keys(model: Path) -> None:
    compiled = Compiled(load_plan(model / "digits-128.plan"))
    assert REFUSAL in str(compiled.lines()["workers refuse it"])
    assert compiled.next_command(model) == f"blindsight model compile {model} --encrypt-from last"
    assert Compiled(load_plan(plan_path("digits", 128))).next_command(model) == f"blindsight demo --model {model}"


def test_a_plan_of_few_keys_isn_t_told_to_have_fewer(model: Path) -> None:
    plan = load_plan(model / "digits-128.plan")
    small = Plan(plan.head, tuple(msgspec.structs.replace(stage, chained=True) for stage in plan.stages))
    assert "holds no value above 536,870,912: compile a smaller network, or let" in str(keys_refusal(small))
