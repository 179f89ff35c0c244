"""`make shell` and what a first build says: how the command is found."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def in_terminal(typed: str, *command: str, **environment: str) -> tuple[int, str]:
    """Run a command in a terminal of its own; its exit code and all that the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, {**os.environ, **environment})
    os.write(terminal, typed.encode())
    shown = b""
    try:
        while data := os.read(terminal, 4096):
            shown += data
    except OSError:  # Linux's end of a terminal
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode(errors="replace")


@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/sh"])
def test_a_shell_finds_the_command_first_and_ends_without_an_error(shell: str, tmp_path: Path) -> None:
    (tmp_path / "blindsight").touch(mode=0o755)
    (tmp_path / ".bashrc").write_text(f"PATH={tmp_path}:$PATH\n")
    # Written in two parts, so that the terminal's echo of what is typed isn't taken for the answer.
    typed = "printf 'it is %s\\n' \"$(command -v blindsight)\"\nexit 3\n"
    tried = in_terminal(typed, str(ROOT / "tools" / "shell.sh"), SHELL=shell, HOME=str(tmp_path))
    assert tried[0] == 0
    places = [line.partition("it is ")[2].strip() for line in tried[1].splitlines() if "it is /" in line]
    assert [Path(place).resolve() for place in places] == [(ROOT / ".venv" / "bin" / "blindsight").resolve()]


def test_without_a_terminal_no_shell_waits_for_input() -> None:
    reader, writer = os.pipe()  # never closed while the script runs, and empty
    done = subprocess.run([ROOT / "tools" / "shell.sh"], stdin=reader, capture_output=True, text=True, check=False)
    os.close(reader)
    os.close(writer)
    assert done.returncode == 1
    assert ". .venv/bin/activate" in done.stderr


def test_make_help_lists_the_shell_and_the_install_ends_with_how_to_go_on() -> None:
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make shell" in told
    last = subprocess.run([ROOT / "tools" / "installed.sh"], capture_output=True, text=True, check=True).stdout
    assert all(way in last for way in ("make demo", ". .venv/bin/activate", "make shell"))


@pytest.mark.parametrize("inside", [True, False], ids=["in the checkout", "elsewhere"])
def test_the_script_that_compiles_pyfhel_ends_with_the_command_that_uses_it(inside: bool, tmp_path: Path) -> None:
    cache = (ROOT / ".cache") if inside else tmp_path
    wheels = cache / "wheels"
    if not inside:
        wheels.mkdir()
        tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
        name = f"pyfhel-3.5.0-{tag}-{tag}-linux_{os.uname().machine}"
        (wheels / f"{name}.whl").touch()
        (cache / "seal" / name).mkdir(parents=True)
    elif not any((cache / "seal").glob("pyfhel-*")):
        pytest.skip("Pyfhel was compiled elsewhere")
    environment = {**os.environ, "PYTHON": sys.executable, "BLINDSIGHT_CACHE": str(cache)}

    def lines(*arguments: str) -> list[str]:
        command = [ROOT / "tools" / "build-pyfhel.sh", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()

    where = ".cache/wheels" if inside else str(wheels)
    command = f"{sys.executable} -m pip install --find-links {where} --only-binary Pyfhel ."
    assert lines()[-1] == command
    assert "using pyfhel-3.5.0" in lines("--step")[-1]


def test_a_wheel_of_an_earlier_version_serves_where_nothing_can_be_compiled(tmp_path: Path) -> None:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    name = f"pyfhel-3.5.0-{tag}-{tag}-linux_{os.uname().machine}.whl"
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / name).touch()
    programs = tmp_path / "bin"  # neither apt-get nor a compiler
    programs.mkdir()
    for program in ("bash", "dirname", "mkdir", "uname", "cat", "id"):
        found = shutil.which(program)
        assert found is not None
        (programs / program).symlink_to(found)
    environment = {"PYTHON": sys.executable, "BLINDSIGHT_CACHE": str(tmp_path), "PATH": str(programs)}
    script = ROOT / "tools" / "build-pyfhel.sh"
    done = subprocess.run([script, "--step"], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, f"using {name}" in done.stdout) == (0, True), done.stderr
