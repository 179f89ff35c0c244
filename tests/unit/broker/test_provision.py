"""A site's folder holds what each part needs, readable by its owner alone, and grows without new passwords."""

import re
import stat
from pathlib import Path

import pytest

from blindsight.batching import MAX_UPLOAD_BYTES
from broker.provision import Address, TlsFiles, provision
from common.errors import ConfigurationError

CONFIG = Path(__file__).parents[3] / "broker" / "config"


def test_everything_is_private(tmp_path: Path) -> None:
    provision(tmp_path / "site", ["cam-01"])
    for path in (tmp_path / "site").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_every_user_has_another_password_and_none_stands_in_the_broker_s_file(tmp_path: Path) -> None:
    site = provision(tmp_path, ["cam-01", "cam-02"])
    passwords = [site.password_file(user).read_text() for user in ("cam-01", "cam-02", "bridge", "worker", "console")]
    assert len(set(passwords)) == 5
    assert all(len(password) >= 32 for password in passwords)
    for name, users in (("devices", ["console", "cam-01", "cam-02"]), ("services", ["bridge", "worker"])):
        hashed = (site.mosquitto / f"{name}.passwd").read_text()
        assert re.findall(r"^([^:]+):\$7\$", hashed, re.M) == users
        assert not any(password in hashed for password in passwords)


def test_more_devices_are_added_and_passwords_kept(tmp_path: Path) -> None:
    site = provision(tmp_path, ["cam-01"])
    users = ("cam-01", "bridge", "worker")
    before = [site.password_file(user).read_text() for user in users]
    redis = site.redis_password_file("bridge").read_text()
    provision(tmp_path, ["cam-02"])
    assert [site.password_file(user).read_text() for user in users] == before
    assert site.redis_password_file("bridge").read_text() == redis == site.redis_password_file("worker").read_text()
    assert "cam-01:" in (site.mosquitto / "devices.passwd").read_text()
    assert "cam-02:" in (site.mosquitto / "devices.passwd").read_text()


def test_addresses_go_into_the_parts_that_listen(tmp_path: Path) -> None:
    site = provision(tmp_path, [], Address("127.0.0.1", 11, 12, 13))
    listeners = (site.mosquitto / "listeners" / "listeners.conf").read_text()
    assert "listener 11 127.0.0.1" in listeners
    assert "listener 12 127.0.0.1" in listeners
    assert "port 13" in (site.redis / "address.conf").read_text()


@pytest.mark.parametrize("device", ["bridge", "worker", "console", "a/b", "+", "../x", "a:b"])
def test_a_name_that_no_device_may_have_is_refused(tmp_path: Path, device: str) -> None:
    with pytest.raises(ConfigurationError, match="device id"):
        provision(tmp_path, [device])


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="can't write credentials"):
        provision(tmp_path / "file", ["cam-01"])


@pytest.mark.parametrize("path", sorted(CONFIG.rglob("*.conf")), ids=lambda path: path.name)
def test_every_line_of_the_shipped_configuration_says_why(path: Path) -> None:
    explained = False
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            explained = True
        elif not line:
            explained = False
        elif not line.startswith("$"):  # $tls stands for lines of another template
            assert explained, f"{path.name}: {line}"
            explained = line.startswith("user ")  # a user's rules follow, each with its comment


def test_the_broker_takes_larger_messages_than_a_frame_and_never_drops_them_silently() -> None:
    config = (CONFIG / "mosquitto.conf").read_text()
    limit = re.search(r"^max_packet_size (\d+)$", config, re.M)
    assert limit is not None
    assert int(limit[1]) > MAX_UPLOAD_BYTES + 4096  # topic, properties and the message's other fields
    assert not re.search(r"^message_size_limit", config, re.M)


def test_neither_listener_takes_anonymous_clients(tmp_path: Path) -> None:
    listeners = (provision(tmp_path, []).mosquitto / "listeners" / "listeners.conf").read_text()
    assert listeners.count("\nallow_anonymous false\n") == listeners.count("\nlistener ") == 2


def test_a_site_with_tls_does_not_lose_it_when_a_device_is_added(tmp_path: Path) -> None:
    pem = tmp_path / "pem"
    pem.write_text("stands for a certificate")
    tls = TlsFiles(pem, pem, pem)
    provision(tmp_path / "site", ["cam-01"], None, tls)
    with pytest.raises(ConfigurationError, match="uses TLS"):
        provision(tmp_path / "site", ["cam-02"])
    site = provision(tmp_path / "site", ["cam-02"], None, tls)
    assert (site.mosquitto / "listeners" / "listeners.conf").read_text().count("\ncertfile ") == 2


def test_redis_refuses_rather_than_evicts() -> None:
    config = (CONFIG / "redis.conf").read_text()
    assert re.search(r"^maxmemory-policy noeviction$", config, re.M)
    assert re.search(r"^maxmemory \d+", config, re.M)
