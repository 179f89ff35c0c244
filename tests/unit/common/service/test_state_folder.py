"""A state folder belongs to one service at a time, and to one device for ever."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from common.service.state_folder import check_owner, only_user


def test_a_second_user_is_refused_while_the_first_one_runs(tmp_path: Path) -> None:
    second = only_user(tmp_path, "device", "cam-a")
    with only_user(tmp_path, "device", "cam-a"), pytest.raises(ConfigurationError, match="another device uses now"):
        second.__enter__()
    with only_user(tmp_path, "device", "cam-a"):
        pass


def test_another_device_is_refused_afterwards_too(tmp_path: Path) -> None:
    with only_user(tmp_path, "device", "cam-a"):
        pass
    said = "holds the frames and keys of cam-a, and this is cam-b; give each a state of its own"
    with pytest.raises(ConfigurationError, match=said), only_user(tmp_path, "device", "cam-b"):
        pass
    with pytest.raises(ConfigurationError, match=said):
        check_owner(tmp_path, "cam-b")
    check_owner(tmp_path, "cam-a")


def test_a_folder_from_before_there_were_owners_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    check_owner(tmp_path, "cam-a")
    with only_user(tmp_path, "device", "cam-a"):
        pass
    with pytest.raises(ConfigurationError):
        check_owner(tmp_path, "cam-b")


def test_a_folder_whose_owner_can_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "owner").mkdir()
    with pytest.raises(ConfigurationError, match="owner can't be read"):
        check_owner(tmp_path, "cam-a")
