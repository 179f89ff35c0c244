"""TLS and client certificates, by configuration, on the real broker; verified as strictly as Python 3.13 does."""

import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindsight.demo.servers import Servers, start_servers
from broker.provisioning.provision import TlsFiles
from common.errors import ConfigurationError
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from tests.integration.certificates import Authority

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is the default since Python 3.13."""
    usual = ssl.create_default_context

    def make(*arguments: object, **options: object) -> ssl.SSLContext:
        context = usual(*arguments, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        return context

    monkeypatch.setattr(ssl, "create_default_context", make)


@pytest.fixture(scope="module", params=[False, True], ids=["server certificate", "client certificates too"])
def servers(
    request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    tls = TlsFiles(authority.ca, *authority.issue("broker"), require_certificate=request.param)
    running = start_servers(tmp_path_factory.mktemp("tls"), ["cam-a"], tls)
    yield running
    running.stop()


def connects(servers: Servers, **tls: Path) -> bool:
    settings = ServiceSettings(
        mqtt_port=servers.mqtt_port, mqtt_username="cam-a", mqtt_password_file=servers.password_file("cam-a"), **tls
    )
    connection = MqttConnection(settings, "cam-a")
    try:
        connection.connect()
        return connection.connected
    finally:
        connection.close()


def test_a_client_with_authority_and_certificate_connects(servers: Servers, authority: Authority) -> None:
    certificate, key = authority.issue("cam-a")
    assert connects(servers, mqtt_ca_file=authority.ca, mqtt_cert_file=certificate, mqtt_key_file=key)


def test_a_client_without_certificate_connects_only_if_none_is_required(servers: Servers, authority: Authority) -> None:
    assert servers.tls is not None
    assert connects(servers, mqtt_ca_file=authority.ca) is not servers.tls.require_certificate


def test_the_certificates_that_the_documentation_makes_are_taken(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "operator.md").read_text()
    (recipe,) = re.findall(r"```sh\n(openssl.*?)```", text, re.S)
    made = subprocess.run(["sh", "-e", "-c", recipe], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    files = TlsFiles(tmp_path / "ca.crt", tmp_path / "server.crt", tmp_path / "server.key", require_certificate=True)
    running = start_servers(tmp_path / "site", ["cam-a"], files)
    try:
        assert not connects(running, mqtt_ca_file=tmp_path / "ca.crt")
        client = {"mqtt_cert_file": tmp_path / "client.crt", "mqtt_key_file": tmp_path / "client.key"}
        assert connects(running, mqtt_ca_file=tmp_path / "ca.crt", **client)
    finally:
        running.stop()


def test_a_client_without_tls_does_not_connect(servers: Servers) -> None:
    assert not connects(servers)


def test_a_client_does_not_trust_a_broker_of_another_authority(servers: Servers, tmp_path: Path) -> None:
    assert not connects(servers, mqtt_ca_file=Authority(tmp_path).ca)


def test_a_tls_file_that_cannot_be_used_is_named(servers: Servers, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"mqtt_ca_file is .*ca\.crt, which can't be used"):
        connects(servers, mqtt_ca_file=tmp_path / "ca.crt")
    alone, _ = authority.issue("cam-b")
    with pytest.raises(ConfigurationError, match=r"mqtt_cert_file is .*mqtt_key_file: none; give --mqtt-key-file"):
        connects(servers, mqtt_ca_file=authority.ca, mqtt_cert_file=alone)
