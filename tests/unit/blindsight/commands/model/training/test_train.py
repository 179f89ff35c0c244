"""`blindsight model train`: what can't work is told before anything is read, learned or written."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from blindsight.cli import main
from tests.drawn_digits import class_folders

Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `blindsight model train …` in an empty folder; exit code, standard output, and errors on one line."""
    monkeypatch.chdir(tmp_path)

    def run(arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["blindsight", "model", "train", *shlex.split(arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, captured.out, " ".join(captured.err.split())

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--data own", "nothing says what to train; give one of --from MODEL, --recipe small or the name of a"),
        ("digits --from digits --data own -o mine", "digits and digits can't be trained at once"),
        ("--from digits --recipe small --data own -o mine", "digits and small can't be trained at once"),
        ("--from digits --data own", "out is missing; name the folder of the model"),
        ("digits --data own --new-labels", "new_labels is True, which is for own pictures: --from or --recipe"),
        ("digits --data own --frame-size 28x28", "frame_size is 28x28, which is for own pictures"),
        ("--from digits --data own -o mine --colour", "colour is True, which is for --recipe; --from keeps what MODEL"),
        ("--recipe small --data own -o mine --new-labels", "which is for --from; a recipe learns all labels there are"),
        ("--recipe small --data own -o mine --activation none", "which is for a shipped model that is trained anew"),
        ("faces --data own", "there is no training recipe for 'faces'"),
        ("--from digits --data own -o full", "out is full, which holds something else than a model"),
        ("--from digits --data own -o mine --security 100", "security_bits is 100; choose one of 128, 192, 256"),
        ("--from digits --data own -o mine --json full", "json is full, which can't be written: Is a directory"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(arguments: str, message: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    code, _, error = run(arguments)
    assert code == 1 and message in error
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("choice", ["--from digits", "--recipe small"])
def test_without_torch_the_message_says_how_to_get_it(choice: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, error = run(f"{choice} --data own -o mine")
    assert code == 1
    assert error.endswith("-m pip install torch")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--from digits --data none", "data is none, which is neither a folder of pictures nor an npz file"),
        ("--from digits --data letters", "aren't among the labels of digits: 'A', 'B'; it has 0, 1, 2"),
        ("--from digits --data own --normalise contrast", "normalise is 'contrast'; give one of digit, light, none"),
        ("--from digist --data own", "unknown model 'digist'"),
        ("--recipe large --data own", "recipe is 'large'; give one of small, medium"),
        ("--recipe small --data own --frame-size 28", "data has pictures of one class only, '7'; a model tells"),
        ("--recipe small --data own --frame-size big", "frame_size is 'big'; give HEIGHTxWIDTH in pixels, such as"),
        ("--recipe small --data own --frame-size 8x28", "frame_size is 8x28; give sides from 12 to 64"),
        ("--recipe small --data own --frames-per-ciphertext 3", "frames_per_ciphertext is '3'; give auto"),
    ],
)
def test_what_cannot_be_trained_is_named_before_training(
    arguments: str, message: str, run: Run, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    class_folders(tmp_path / "own", 12, names="7")
    class_folders(tmp_path / "letters", 24, names="AB")
    code, _, error = run(f"{arguments} -o mine")
    assert code == 1 and message in error
    assert not (tmp_path / "mine").exists()


@pytest.mark.slow
def test_a_model_of_other_things_is_trained_from_the_beginning(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    class_folders(tmp_path / "own", 80, names="AB")
    code, out, error = run("--recipe small --data own -o gate --epochs 20 --json -")
    report = json.loads(out)
    assert code == 0 and report["labels"] == ["A", "B"] and report["recipe"] == "small"
    assert report["accuracy"] > 0.8
    assert "written to gate: the plan gate-128.plan for workers, gate-128.head for devices" in error
    code, _, error = run("--recipe small --data own -o gate --epochs 1")
    assert code == 1 and "out is gate, which holds a model; name another folder, or replace it with --force" in error
