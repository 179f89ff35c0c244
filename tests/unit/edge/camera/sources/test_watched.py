"""A folder that receives pictures gives each of them once, whole, also over restarts."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from structlog.testing import capture_logs

from common.errors import ConfigurationError
from edge.camera.sources import watched
from edge.camera.sources.opening import open_camera
from tests.unit.edge.camera.sources.clock import Clock


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "_LOOK", 0.02)
    monkeypatch.setattr(watched, "_SETTLED", 0.1)
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_PAUSE", 0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def watch(folder: Path, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Starts to watch the folder, as a device does that begins anew."""
    opened: list[Any] = []

    def start() -> Any:
        opened.append(open_camera(f"folder:{folder}", memory=tmp_path / "state" / "watched.json"))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def put(path: Path, value: int = 7) -> None:
    Image.new("L", (6, 4), value).save(path)


def test_what_is_there_comes_first_and_then_what_arrives(folder: Path, watch: Callable[[], Any]) -> None:
    put(folder / "b.png", 1)
    time.sleep(0.02)
    put(folder / "a.png", 2)
    shots = watch().shots()
    assert [shot.source for shot in islice(shots, 2)] == ["b.png", "a.png"]
    put(folder / "c.jpg", 3)
    assert next(shots).source == "c.jpg"
    put(folder / "c.jpg", 90)
    again = next(shots)
    assert (again.source, int(again.picture[0, 0, 0])) == ("c.jpg", 90)


def test_a_picture_moved_into_it_is_new_however_old_it_is(folder: Path, watch: Callable[[], Any]) -> None:
    put(folder.parent / "old.png")
    os.utime(folder.parent / "old.png", (1, 1))
    put(folder / "new.png")
    shots = watch().shots()
    assert next(shots).source == "new.png"
    (folder.parent / "old.png").rename(folder / "old.png")
    assert next(shots).source == "old.png"


def test_a_file_that_is_still_written_is_waited_for(folder: Path, watch: Callable[[], Any]) -> None:
    put(folder.parent / "whole.png")
    data = (folder.parent / "whole.png").read_bytes()
    camera = watch()
    (folder / "half.png").write_bytes(data[: len(data) // 2])
    put(folder / "other.png")
    shots = camera.shots()
    assert next(shots).source == "other.png"
    with (folder / "half.png").open("ab") as file:
        file.write(data[len(data) // 2 :])
    assert next(shots).source == "half.png"
    assert camera.skipped == 0


def test_one_that_stays_unreadable_is_skipped_with_the_reason(
    folder: Path, watch: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "_GIVEN_UP", 0.15)
    (folder / "bad.png").write_text("hello")
    (folder / ".hidden.png").write_text("temporary")
    (folder / "a.png.part").write_text("temporary")
    camera = watch()
    shots = camera.shots()
    put(folder / "good.png")
    with capture_logs() as logs:
        assert next(shots).source == "good.png"
        time.sleep(0.2)
        put(folder / "better.png")
        assert next(shots).source == "better.png"
    assert camera.skipped == 1
    assert [(entry["event"], entry["file"]) for entry in logs] == [("skipped a picture", "bad.png")]


def test_a_restart_goes_on_behind_what_was_taken(folder: Path, watch: Callable[[], Any]) -> None:
    for name in ("a.png", "b.png", "c.png"):
        put(folder / name)
        time.sleep(0.02)
    assert [shot.source for shot in islice(watch().shots(), 2)] == ["a.png", "b.png"]
    shots = watch().shots()
    assert next(shots).source == "c.png"
    put(folder / "d.png")
    assert next(shots).source == "d.png"


@pytest.mark.parametrize("content", [b"", b"{", b'{"folder": "/elsewhere", "changed_ns": 9000000000000000000}'])
def test_a_memory_that_is_damaged_or_of_another_folder_says_nothing(
    folder: Path, watch: Callable[[], Any], content: bytes
) -> None:
    (folder.parent / "state").mkdir()
    (folder.parent / "state" / "watched.json").write_bytes(content)
    put(folder / "a.png")
    assert next(watch().shots()).source == "a.png"


def test_a_folder_that_goes_away_is_waited_for(folder: Path, watch: Callable[[], Any]) -> None:
    put(folder / "a.png")
    camera = watch()
    shots = camera.shots()
    assert next(shots).source == "a.png"
    shutil.rmtree(folder)

    def come_back() -> None:
        while not camera.trouble:
            time.sleep(0.01)
        folder.mkdir()
        put(folder / "b.png")

    with capture_logs() as logs:
        threading.Thread(target=come_back).start()
        assert next(shots).source == "b.png"
    assert (logs[0]["event"], logs[0]["reason"]) == (
        "the camera gives no picture",
        "the folder can't be read: No such file or directory",
    )
    assert camera.reconnects >= 1 and camera.trouble == ""


def test_a_folder_that_is_not_there_at_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none, which can't be read: No such file"):
        open_camera(f"folder:{tmp_path / 'none'}", memory=tmp_path / "watched.json")


def test_a_name_that_is_no_utf8_is_a_name_like_any(folder: Path, watch: Callable[[], Any]) -> None:
    put(folder / "a.png", 1)
    (folder / "a.png").rename(os.fsdecode(os.fsencode(folder) + b"/\xfc.png"))
    assert int(next(watch().shots()).picture[0, 0, 0]) == 1
    time.sleep(0.02)
    put(folder / "b.png", 2)
    assert next(watch().shots()).source == "b.png"


def test_a_link_to_itself_or_to_nothing_keeps_no_picture_waiting(folder: Path, watch: Callable[[], Any]) -> None:
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "nothing.png").symlink_to("gone")
    os.mkfifo(folder / "pipe.png")
    put(folder / "a.png", 1)
    assert next(watch().shots()).source == "a.png"


def test_a_folder_that_takes_long_to_list_is_looked_at_less_often(
    watch: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera, clock, pauses = watch(), Clock(), []
    list_folder = camera._list

    def slowly() -> dict[str, int]:
        clock.now += 3.0
        found: dict[str, int] = list_folder()
        return found

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        camera.close()

    monkeypatch.setattr(watched.time, "monotonic", clock)
    monkeypatch.setattr(camera, "_list", slowly)
    monkeypatch.setattr(camera._pace, "pause", pause)
    assert list(camera.shots()) == []
    assert pauses == [pytest.approx(30.0)]
