"""A site's folder holds what each part needs, readable by its owner alone, and grows without new passwords."""

import re
import stat
from pathlib import Path

import pytest

from broker.provisioning import passwords
from broker.provisioning.provision import ProvisionedSite, TlsFiles, Wishes, provision
from broker.provisioning.site import Site
from broker.provisioning.site_settings import Address, load_site_settings
from common.errors import ConfigurationError
from models.batching import MAX_UPLOAD_BYTES

CONFIG = Path(__file__).parents[4] / "broker" / "config"


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


def test_settings_that_an_editor_gave_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = provision(tmp_path, ["cam-01"]).settings_file
    path.write_text(path.read_text().replace("device_port = 1883", "device_port = 2883"), encoding="utf-8-sig")
    assert load_site_settings(Site(tmp_path)).device_port == 2883


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


def listeners(site: ProvisionedSite) -> str:
    return (site.mosquitto / "listeners" / "listeners.conf").read_text()


def hashes(site: ProvisionedSite) -> dict[str, str]:
    return dict(line.split(":") for line in (site.mosquitto / "devices.passwd").read_text().splitlines())


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "pem"
    path.write_text("-----BEGIN what stands for a certificate-----")
    return path


def test_what_was_told_once_is_remembered_and_what_is_told_later_wins(tmp_path: Path, pem: Path) -> None:
    folder, address = tmp_path / "site", Address("127.0.0.1", 11, 12, 13)
    first = provision(folder, ["cam-01"], address, TlsFiles(pem, pem, pem, True), Wishes(max_connections=7))
    again = provision(folder, ["cam-02"])
    assert listeners(again) == listeners(first)
    assert listeners(again).count("\ncertfile ") == listeners(again).count("\nrequire_certificate true") == 2
    assert "\nmax_connections 7\n" in listeners(again)
    assert again.changes == ("added: cam-02",) and again.reload and not again.restart
    later = provision(folder, [], Address("127.0.0.1", 21, 12, 13))
    assert "listener 21 127.0.0.1" in listeners(later) and "listener 12 127.0.0.1" in listeners(later)
    assert "device_port: 11 → 21" in later.changes and later.restart == ("Mosquitto",)
    assert provision(folder).changes == ()


def test_a_site_of_an_earlier_version_keeps_its_addresses_and_gets_lighter_hashes(tmp_path: Path) -> None:
    site = provision(tmp_path, ["cam-01"], Address("127.0.0.1", 11, 12, 13))
    site.settings_file.unlink()
    path, password = site.mosquitto / "devices.passwd", site.password_file("cam-01").read_text()
    old = passwords._line("cam-01", password, b"salt", 20_000)
    theirs = passwords._line("cam-02", "the operator's", b"salt", 20_000)
    path.write_text(f"{old}\n{theirs}\n")
    site.password_file("cam-02").parent.mkdir()
    site.password_file("cam-02").write_text("another")
    later = provision(tmp_path)
    assert later.settings.address == Address("127.0.0.1", 11, 12, 13)
    assert "lighter hash of the same password: cam-01" in later.changes
    assert hashes(later)["cam-01"].startswith("$7$101$")
    assert f"cam-02:{hashes(later)['cam-02']}" == theirs


def test_whoever_is_known_is_never_hashed_again_though_the_password_is_no_longer_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashes(provision(tmp_path, ["cam-01", "cam-02"]))
    (tmp_path / "devices" / "cam-02" / "password").unlink()  # it is where the device is, and only there
    monkeypatch.setattr(passwords.hashlib, "pbkdf2_hmac", None)
    assert hashes(provision(tmp_path, ["cam-01", "cam-02"])) == before


def test_users_rules_and_settings_that_the_operator_added_stay(tmp_path: Path) -> None:
    site = provision(tmp_path, ["cam-01"])
    with (site.mosquitto / "devices.passwd").open("a") as file:
        file.write("grafana:$7$101$theirs$hash\n")
    (site.own_rules / "20-second.conf").write_text("pattern read plant/%u\n")
    (site.own_rules / "10-first.conf").write_text("# For the dashboard.\nuser grafana\ntopic read plant/#\n")
    (site.redis / "own.conf").write_text("maxmemory 4gb\n")
    later = provision(tmp_path, ["cam-02"])
    assert hashes(later)["grafana"] == "$7$101$theirs$hash"
    acl = (site.mosquitto / "acl.conf").read_text()
    assert 0 < acl.index("user console") < acl.index("user grafana\ntopic read plant/#") < acl.index("plant/%u")
    assert "access rule added: user grafana: topic read plant/#" in later.changes
    assert (site.redis / "own.conf").read_text() == "maxmemory 4gb\n"


@pytest.mark.parametrize(
    ("rules", "message"),
    [("topic read #", "line 1: a topic before any user"), ("user x\n\nallow all", "line 3: 'allow all' isn't a user")],
)
def test_rules_that_would_stop_the_broker_or_belong_to_another_user_are_refused(
    tmp_path: Path, rules: str, message: str
) -> None:
    site = provision(tmp_path)
    (site.own_rules / "mine.conf").write_text(rules)
    with pytest.raises(ConfigurationError, match=rf"mine\.conf, {message}"):
        provision(tmp_path, ["cam-01"])
    assert "cam-01" not in hashes(site)


def test_rules_that_were_written_into_our_file_move_to_where_they_stay_or_are_said_to_go(tmp_path: Path) -> None:
    site = provision(tmp_path, wishes=Wishes(readers=["look"]))
    (site.own_rules / "own.conf").write_text("user theirs\ntopic read theirs/#\n")
    provision(tmp_path)
    with (site.mosquitto / "acl.conf").open("a") as file:
        file.write("user grafana\ntopic read plant/#\npattern read all/%u\n")
    (site.own_rules / "own.conf").unlink()
    assert provision(tmp_path, wishes=Wishes(revoke=["look"])).changes[0].startswith("mosquitto/acl.d/kept.conf: got 2")
    text = (site.mosquitto / "acl.conf").read_text()
    assert "user grafana\ntopic read plant/#\n" in text
    assert not any(gone in text for gone in ("theirs", "all/%u", "user look"))
    assert provision(tmp_path).changes == ()
    assert (site.own_rules / "kept.conf").read_text() == "user grafana\ntopic read plant/#\n"


def test_a_reader_is_made_remembered_and_revoked(tmp_path: Path) -> None:
    site = provision(tmp_path, ["cam-01"], wishes=Wishes(readers=["grafana"]))
    password = site.reader_password_file("grafana")
    assert len(password.read_text()) >= 32 and "grafana" in hashes(site)
    assert "grafana" not in {path.name for path in site.devices.iterdir()}
    assert "user grafana\n" in (provision(tmp_path).mosquitto / "acl.conf").read_text()
    with pytest.raises(ConfigurationError, match=r"grafana: a device and a reader can't have one name"):
        provision(tmp_path, ["grafana"])
    gone = provision(tmp_path, wishes=Wishes(revoke=["grafana"]))
    assert not password.exists() and "grafana" not in hashes(gone)
    assert "user grafana" not in (site.mosquitto / "acl.conf").read_text()
    back = provision(tmp_path, wishes=Wishes(renew=["grafana"]))  # as what it was
    assert password.exists() and "user grafana\n" in (back.mosquitto / "acl.conf").read_text()


def test_a_revoked_device_stays_away_until_it_is_renewed(tmp_path: Path) -> None:
    devices = ["cam-01", "cam-02"]
    before = hashes(provision(tmp_path, devices))
    gone = provision(tmp_path, wishes=Wishes(revoke=["cam-02"]))
    assert gone.changes == ("revoked: cam-02",) and gone.reload
    for site in (gone, provision(tmp_path, devices)):  # as compose does at each start
        assert "cam-02" not in hashes(site) and not site.password_file("cam-02").exists()
    with (gone.mosquitto / "devices.passwd").open("a") as file:  # as if a run had been killed after it noted it
        file.write("cam-02:$7$101$still$there\n")
    assert "cam-02" not in hashes(provision(tmp_path))
    back = provision(tmp_path, wishes=Wishes(renew=["cam-02"]))
    assert back.changes == ("new password: cam-02",)
    assert hashes(back)["cam-02"] != before["cam-02"] and hashes(back)["cam-01"] == before["cam-01"]


@pytest.mark.parametrize("wishes", [Wishes(revoke=["cam-09"]), Wishes(renew=["cam-09"]), Wishes(revoke=["console"])])
def test_a_device_that_nobody_knows_is_named_with_those_that_are_known(tmp_path: Path, wishes: Wishes) -> None:
    provision(tmp_path, ["cam-01", "cam-02"])
    with pytest.raises(ConfigurationError, match=r"knows no '.*'; it knows .*cam-01, cam-02"):
        provision(tmp_path, wishes=wishes)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_conections = 5", "no setting 'max_conections'; did you mean max_connections"),
        ('device_port = "1883"', "device_port is .1883.; expected `int`, got `str`"),
        ('host = "0.0.0.0\\nallow_anonymous true"', "host is .0.0.0.0.*expected `str` matching"),
        ("device_port = 1884", r"are \(1884, 1884, 6379\); give each another"),
        ("host = ", "can't be read"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, line: str, message: str) -> None:
    provision(tmp_path).settings_file.write_text(line + "\n")
    with pytest.raises(ConfigurationError, match=message):
        provision(tmp_path)


def test_a_site_whose_certificates_are_gone_does_not_go_on_without_them(tmp_path: Path, pem: Path) -> None:
    site = provision(tmp_path / "site", [], None, TlsFiles(pem, pem, pem))
    (site.mosquitto / "tls" / "server.key").unlink()
    with pytest.raises(ConfigurationError, match=r"uses TLS.*set tls = false"):
        provision(tmp_path / "site")
    site.settings_file.write_text("tls = false\n")
    assert "certfile" not in listeners(provision(tmp_path / "site"))


@pytest.mark.parametrize("rubbish", [b"", b"\xff\xfe", b"not a certificate"])
def test_what_is_no_certificate_is_named(tmp_path: Path, pem: Path, rubbish: bytes) -> None:
    (tmp_path / "rubbish").write_bytes(rubbish)
    with pytest.raises(ConfigurationError, match=r"rubbish is no PEM file, which --tls-ca"):
        provision(tmp_path / "site", [], None, TlsFiles(tmp_path / "rubbish", pem, pem))


def test_redis_refuses_rather_than_evicts() -> None:
    config = (CONFIG / "redis.conf").read_text()
    assert re.search(r"^maxmemory-policy noeviction$", config, re.M)
    assert re.search(r"^maxmemory \d+", config, re.M)
