"""`blindsight provision`: flags that aren't given leave things as they are, and what was changed is said."""

import json
import sys
from pathlib import Path

import pytest

from blindsight.cli import main
from broker.provisioning.site import Site
from broker.provisioning.site_settings import load_site_settings


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run_with(*flags: str) -> str:
        monkeypatch.setattr(sys, "argv", ["blindsight", "provision", str(tmp_path / "site"), *flags])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert (ended.value.code == 0) is (not err), err
        return " ".join((out + err).split())

    return run_with


def test_a_loopback_site_stays_one_and_keeps_its_devices(tmp_path: Path, run) -> None:
    run("--host", "127.0.0.1", "--service-port", "1999", "--devices", "3")
    assert "nothing had to be changed" in run()
    assert "added: cam-04, cam-05" in run("--devices", "5")
    assert "redis_port: 6379 → 6380" in run("--redis-port", "6380")
    settings = load_site_settings(Site(tmp_path / "site"))
    assert settings.address.host == "127.0.0.1" and settings.service_port == 1999
    listeners = (tmp_path / "site" / "mosquitto" / "listeners" / "listeners.conf").read_text()
    assert "listener 1999 127.0.0.1" in listeners and "0.0.0.0" not in listeners
    assert sorted(path.name for path in (tmp_path / "site" / "devices").iterdir()) == [f"cam-0{n}" for n in range(1, 6)]


def test_programs_get_json_with_what_is_left_to_do(run) -> None:
    assert json.loads(run("--json"))["to_do"] == []
    told = json.loads(run("--revoke", "cam-02", "--revoke", "cam-02", "--max-connections", "5", "--json"))
    assert {"revoked: cam-02", "max_connections: 1000 → 5"} <= set(told["changes"])
    assert told["reload"] and told["restart"] == ["Mosquitto"]
    first, second = told["to_do"]
    assert first == "restart Mosquitto"
    assert second.endswith("-r -n -t blindsight/v1/cam-02/status")


def test_client_certificates_can_be_asked_for_later_and_tls_needs_its_files(tmp_path: Path, run) -> None:
    (pem := tmp_path / "pem").write_text("-----BEGIN what stands for a certificate-----")
    files = ("--tls-ca", str(pem), "--tls-cert", str(pem), "--tls-key", str(pem))
    assert "TLS needs all of" in run("--client-certs")
    assert "TLS needs all of" in run(*files[:4])
    run(*files)
    assert "client_certs: False → True" in run("--client-certs")
    assert "--cert CLIENT.crt --key CLIENT.key -r -n -t" in run("--revoke", "cam-02")
    assert "nothing had to be changed" in run(*files)
    assert "client_certs: True → False" in run("--no-client-certs")


def test_what_cannot_be_is_said_without_a_change(run) -> None:
    run()
    assert "knows no 'cam-7'; it knows cam-01, cam-02" in run("--revoke", "cam-7")
    assert "device_port, service_port and redis_port are (1884, 1884, 6379)" in run("--device-port", "1884")
    assert "device_port is 99999; expected `int` <= 65535" in run("--device-port", "99999")
    assert "host is 'a b'; expected" in run("--host", "a b")
    assert "cam-01: a device and a reader can't have one name" in run("--reader", "cam-01")
    assert "nothing had to be changed" in run()


def test_settings_that_cannot_be_opened_are_not_called_wrong(tmp_path: Path, run) -> None:
    (tmp_path / "site" / "site.toml").mkdir(parents=True)
    said = run()
    assert "site.toml can't be read: Is a directory" in said
    assert "delete" not in said
