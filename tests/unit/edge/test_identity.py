"""Each process of a pool gets its own identity, and gives it back when it ends."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from edge.identity import claim_identity
from edge.settings import DeviceSettings


def settings(tmp_path: Path, **given: object) -> DeviceSettings:
    return DeviceSettings(camera="folder:x", plan=Path("p"), state=tmp_path / "state", **given)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    for name in ("cam-01", "cam-02"):
        (tmp_path / "pool" / name).mkdir(parents=True)
        (tmp_path / "pool" / name / "password").write_text("secret")
    return tmp_path / "pool"


def test_an_id_given_is_the_identity(tmp_path: Path) -> None:
    assert claim_identity(settings(tmp_path, device="cam-7")).device == "cam-7"


def test_a_pool_gives_each_claim_another_identity_until_none_is_free(tmp_path: Path, pool: Path) -> None:
    first = claim_identity(settings(tmp_path, identities=pool))
    second = claim_identity(settings(tmp_path, identities=pool))
    assert (first.device, second.device) == ("cam-01", "cam-02")
    assert second.password_file == pool / "cam-02" / "password"
    with pytest.raises(ConfigurationError, match="all 2 identities"):
        claim_identity(settings(tmp_path, identities=pool))
    assert first.lock is not None
    first.lock.close()
    assert claim_identity(settings(tmp_path, identities=pool)).device == "cam-01"


@pytest.mark.parametrize("device", ["a/b", "+", "#", "bridge", "worker", "", "x" * 65, "-a"])
def test_an_id_that_cannot_stand_in_a_topic_is_refused(tmp_path: Path, device: str) -> None:
    with pytest.raises(ConfigurationError, match="device id"):
        claim_identity(settings(tmp_path, device=device))


def test_no_identity_at_all_names_both_ways(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--device.*--identities"):
        claim_identity(settings(tmp_path))
