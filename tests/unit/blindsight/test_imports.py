"""A service imports what it runs, and nothing of the other services, up to the first thing that it can't use."""

from pathlib import Path

import pytest

from tests.imports import ABSENT, imported, run


@pytest.mark.parametrize(
    ("arguments", "service", "message"),
    [
        ("device --device a --camera folder:c --state STATE --plan /nowhere.head", "edge.service", "/nowhere.head"),
        ("console --keys /nowhere --plans digits --state STATE", "console.service", "/nowhere"),
        ("bridge --mqtt-ca-file /nowhere.crt", "broker.bridge", "/nowhere.crt"),
        ("worker --plans /nowhere.plan", "workers.app", "/nowhere.plan"),
    ],
    ids=["device", "console", "bridge", "worker"],
)
@pytest.mark.slow
def test_a_service_that_has_read_its_settings_has_imported_no_other(
    arguments: str, service: str, message: str, tmp_path: Path
) -> None:
    command = arguments.replace("STATE", str(tmp_path)).split()
    done = run(*command)
    assert done.returncode == 1 and message in done.stderr.splitlines()[-1]
    modules = imported(done.stderr)
    assert service in modules
    assert modules & ABSENT[command[0]] == set()


@pytest.mark.parametrize("command", ["keys show /nowhere", "device outbox list --state /nowhere"])
@pytest.mark.slow
def test_a_command_that_looks_at_files_imports_no_service(command: str) -> None:
    modules = imported(run(*command.split()).stderr)
    assert modules & {"celery", "redis", "scipy", "compiler", "workers", "broker", "paho"} == set()


def test_a_plan_that_is_there_is_shown_without_what_compiles_or_evaluates_one() -> None:
    done = run("model", "show", "digits")
    assert done.returncode == 0
    assert imported(done.stderr) & {"scipy", "compiler.compile", "workers", "edge", "broker", "redis"} == set()
