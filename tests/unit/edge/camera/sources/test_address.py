"""A camera's address is taken apart, and its password is shown nowhere."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from edge.camera.sources.address import parse_address


def test_a_password_in_the_address_is_used_and_not_shown() -> None:
    address = parse_address("rtsp://admin:p%40ss:word@10.0.0.5:8554/live?token=hunter2", None)
    assert (address.user, address.password, address.host, address.port) == ("admin", "p@ss:word", "10.0.0.5", 8554)
    assert address.url == "rtsp://10.0.0.5:8554/live?token=hunter2"
    assert address.full_url == "rtsp://admin:p%40ss%3Aword@10.0.0.5:8554/live?token=hunter2"
    assert address.shown == "rtsp://10.0.0.5:8554/live?…"
    for secret in ("p@ss", "p%40ss", "hunter2", "admin"):
        assert secret not in repr(address)


def test_a_file_holds_user_and_password(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("admin:a:b@c/d\n")
    address = parse_address("http://[fe80::1]/snapshot.jpg", tmp_path / "login")
    assert (address.user, address.password, address.port) == ("admin", "a:b@c/d", 80)
    assert address.full_url == "http://admin:a%3Ab%40c%2Fd@[fe80::1]/snapshot.jpg"


def test_one_without_a_user_stays_as_it_is() -> None:
    address = parse_address("https://cam.local/stream", None)
    assert (address.full_url, address.port) == ("https://cam.local/stream", 443)


@pytest.mark.parametrize(
    ("spec", "login", "says"),
    [
        ("rtsp://u:hunter2@host:99999/", None, "camera is an address that can't be read; give rtsp://HOST"),
        ("rtsp://u:hunter2@[::/", None, "camera is an address that can't be read; give rtsp://HOST"),
        ("http://u:hunter2@/x", None, "camera is an address without a host"),
        ("http://u:hunter2@host/", "a:hunter2", "leave out the first"),
        ("http://host/", "hunter2", "login, which must hold USER:PASSWORD"),
        ("http://host/", "", "login, which is empty"),
    ],
)
def test_what_can_not_be_used_is_named_without_the_password(
    spec: str, login: str | None, says: str, tmp_path: Path
) -> None:
    file = None if login is None else tmp_path / "login"
    if file is not None:
        file.write_text(login or "")
    with pytest.raises(ConfigurationError, match=says) as error:
        parse_address(spec, file)
    assert "hunter2" not in str(error.value)
