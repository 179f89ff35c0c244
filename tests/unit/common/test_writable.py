"""Where nothing can be written is known without writing anything."""

import os
from pathlib import Path

import pytest

from common.errors import ConfigurationError
from common.writable import check_file, check_folder, check_new_folder, check_picture

NOBODY = 65534


def test_what_can_be_written_passes_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    check_file(tmp_path / "new.json", "json")
    check_file(tmp_path / "old.json", "json")
    check_file(tmp_path / "a" / "b" / "new.json", "json", makes_folders=True)
    check_folder(tmp_path / "a" / "b", "state")
    check_new_folder(tmp_path / "a" / "b", "keys")
    check_file(Path("/dev/null"), "json")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "{}"


def test_a_file_is_refused_by_its_setting_and_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"json is {tmp_path}, which can't be written: Is a directory"):
        check_file(tmp_path, "json")
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        check_file(tmp_path / "none" / "report", "json")
    with pytest.raises(ConfigurationError, match="Not a directory"):
        check_file(Path("/dev/null/report"), "json", makes_folders=True)
    with pytest.raises(ConfigurationError, match="File name too long"):
        check_file(tmp_path / ("x" * 300), "json")


def test_a_picture_is_refused_where_its_name_is_that_of_another_file(tmp_path: Path) -> None:
    for name in ("a.png", "a.PNG", "a.jpg", "a.jpeg"):
        check_picture(tmp_path / name, "out")
    for name in ("a.txt", "a", "meter.toml", "a.png.gz"):
        with pytest.raises(ConfigurationError, match=rf"out is .*/{name}, .*ends with \.png, \.jpg or \.jpeg"):
            check_picture(tmp_path / name, "out")
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        check_picture(tmp_path / "none" / "a.png", "out")


def test_a_folder_is_refused_where_a_file_stands_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "state"):
        with pytest.raises(ConfigurationError, match=rf"state is {path}, .*: Not a directory"):
            check_folder(path, "state")
        with pytest.raises(ConfigurationError, match=rf"keys is {path}, .*: Not a directory"):
            check_new_folder(path, "keys")


def test_a_folder_to_make_is_refused_where_something_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=rf"keys is {tmp_path}, which isn't empty"):
        check_new_folder(tmp_path, "keys")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o755)
    (tmp_path / "mine" / "file").touch(mode=0o644)
    child = os.fork()
    if child == 0:
        refused = 0
        os.chdir(tmp_path / "mine")  # pytest's own folders are closed to others
        os.setuid(NOBODY)
        for check, name in ((check_folder, "."), (check_file, "new"), (check_file, "file")):
            try:
                check(Path(name), "out")
            except ConfigurationError as error:
                refused += "Permission denied" in str(error)
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
