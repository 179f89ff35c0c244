"""The site beside a service: its faults are the service's to tell, and never its end."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from blindsight.web.serving.site import ServedSite
from blindsight.web.settings.web import WebSettings
from common.errors import ConfigurationError
from tests.web_site import MemorySite
from web.access.accounts import Accounts


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedSite]:
    with ServedSite(MemorySite(2, 10), WebSettings(), tmp_path) as site:
        yield site


def test_the_first_address_leads_to_the_first_account(served: ServedSite, tmp_path: Path) -> None:
    base, _, token = served.address.partition("/first#")
    answer = httpx.post(
        f"{base}/api/v1/first", json={"token": token, "name": "ann", "password": "correct horse battery"}
    )
    assert answer.status_code == 200
    assert [account.name for account in Accounts(tmp_path / "web").contents().accounts] == ["ann"]
    assert "#" not in served.address
    assert served.check() is None


def test_the_address_is_told_in_the_log_and_the_token_of_the_first_account_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capture_logs() as lines, ServedSite(MemorySite(1, 1), WebSettings(), tmp_path) as site:
        address, _, token = site.address.partition("/first#")
        assert lines[0]["address"] == address
        assert token and token not in str(lines) and site.address in capsys.readouterr().err


def test_after_its_end_nobody_listens(tmp_path: Path) -> None:
    with ServedSite(MemorySite(1, 1), WebSettings(), tmp_path) as site:
        port = httpx.URL(site.address).port
    assert port is not None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_in_use_is_named_with_the_reason(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port}: .*in use.*--web-port"):
            ServedSite(MemorySite(1, 1), WebSettings(web_port=port), tmp_path)


def test_others_than_this_machine_need_an_account_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no account, and 0\.0\.0\.0 can be reached by others"):
        ServedSite(MemorySite(1, 1), WebSettings(web_host="0.0.0.0"), tmp_path)


def test_a_server_that_fails_is_logged_and_shown_in_health_and_ends_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("web.server.WebServer.run", fail)
    with capture_logs() as lines, ServedSite(MemorySite(1, 1), WebSettings(), tmp_path) as site:
        until = time.monotonic() + 30
        while site.check() is None and time.monotonic() < until:
            time.sleep(0.01)
        assert "isn't served any more: RuntimeError: out of luck" in (site.check() or "")
    assert any("isn't served any more" in line["event"] for line in lines)
