"""The server on a real socket: TLS, bounds on connections, and clients that are slow on purpose."""

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response

from common.errors import ConfigurationError
from tests.unit.web.conftest import PASSWORD, QUICK
from tests.web_site import MemorySite
from web import server as module
from web.access.access import Access
from web.application import build_app
from web.server import WebServer

Serve = Callable[..., WebServer]


@pytest.fixture
def serve(app: FastAPI) -> Iterator[Serve]:
    served: list[WebServer] = []

    def start(**options: object) -> WebServer:
        server = WebServer(app, **options)  # type: ignore[arg-type]
        server.start()
        served.append(server)
        return server

    yield start
    for server in served:
        server.end()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "web.crt", folder / "web.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def connect(server: WebServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 10)


def is_closed(connection: socket.socket, seconds: float = 10) -> bool:
    """Whether the other side closes a connection, whatever it still sends."""
    connection.settimeout(seconds)
    try:
        while connection.recv(1 << 20):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def test_a_browser_logs_in_and_asks_over_tls(serve: Serve, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    server = serve(cert_file=cert, key_file=key)
    context = ssl.create_default_context(cafile=str(cert))
    with httpx.Client(verify=context, base_url=f"https://localhost:{server.port}") as client:
        answer = client.post("/api/v1/session", json={"name": "viewer", "password": PASSWORD})
        assert answer.status_code == 200 and "strict-transport-security" in answer.headers
        assert all(name.startswith("__Host-") and name.endswith(f"-{server.port}") for name in client.cookies)
        assert client.get("/api/v1/labels").status_code == 200
        with client.stream("GET", "/api/v1/events") as events:
            assert next(line for line in events.iter_lines() if line.startswith("event")) == "event: change"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_and_plain_http_are_not_spoken(serve: Serve, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    server = serve(cert_file=cert, key_file=key)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)), connect(server) as plain:
        old.wrap_socket(plain)
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{server.port}/")


def test_a_certificate_that_can_not_be_used_is_named(
    app: FastAPI, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = certificate
    wrong = tmp_path / "wrong.key"
    wrong.write_text("nothing")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "ec", "-in", key, "-aes128", "-passout", "pass:x", "-out", locked], check=True, capture_output=True
    )
    for files in ((cert, wrong), (cert, tmp_path / "none"), (wrong, key), (cert, locked)):
        with pytest.raises(ConfigurationError, match="web_cert_file"):
            WebServer(app, cert_file=files[0], key_file=files[1])
    with pytest.raises(ConfigurationError, match="belong together"):
        WebServer(app, cert_file=cert)


def test_the_address_has_the_token_at_a_first_start_only(app: FastAPI, tmp_path: Path) -> None:
    fresh = build_app(MemorySite(1, 1), Access(tmp_path / "fresh", QUICK))
    server = WebServer(fresh)
    assert server.address == f"http://127.0.0.1:{server.port}/first#{fresh.state.access.first.token}"
    assert WebServer(app).address.endswith("/")


def test_an_address_that_others_reach_needs_tls_and_an_account(app: FastAPI, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--web-insecure"):
        WebServer(app, "0.0.0.0")
    assert WebServer(app, "0.0.0.0", insecure=True).port
    with pytest.raises(ConfigurationError, match="no account"):
        WebServer(build_app(MemorySite(1, 1), Access(tmp_path / "fresh", QUICK)), "0.0.0.0", insecure=True)


def test_a_port_that_is_taken_is_named(serve: Serve, app: FastAPI) -> None:
    with pytest.raises(ConfigurationError, match="--web-port"):
        WebServer(app, port=serve().port)


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: y\r\n"])
def test_a_head_that_does_not_come_ends_its_connection(
    serve: Serve, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.2)
    with connect(serve()) as slow:
        slow.sendall(sent)
        assert is_closed(slow)


def test_a_head_that_comes_a_byte_at_a_time_ends_its_connection(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slowloris: each byte would else begin the wait anew."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.3)
    with connect(serve()) as slow, pytest.raises(OSError):
        slow.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        for _ in range(600):
            slow.sendall(b"X")
            time.sleep(0.05)


def test_a_body_that_does_not_come_is_answered_and_ended(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.bounds.BODY_SECONDS", 0.1)
    with connect(serve()) as slow:
        slow.sendall(b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{")
        slow.settimeout(10)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")
        assert is_closed(slow)


def test_a_client_that_does_not_read_ends_its_connection(
    serve: Serve, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(module, "STALL_SECONDS", 0.3)

    @app.get("/static/large")
    def large() -> Response:
        return PlainTextResponse(b"x" * 50_000_000)

    with connect(serve()) as slow:
        slow.sendall(b"GET /static/large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        time.sleep(1)
        read = 0
        slow.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            while piece := slow.recv(1 << 20):
                read += len(piece)
        assert read < 50_000_000


def test_connections_have_a_bound_and_are_free_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 4)
    server = serve()
    held = [connect(server) for _ in range(4)]
    time.sleep(0.2)
    with connect(server) as more:
        assert is_closed(more)
    for connection in held:
        connection.close()
    time.sleep(0.2)
    assert httpx.get(f"http://127.0.0.1:{server.port}/login").status_code == 404


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET " + b"/x" * 50_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET",
        b"\0" * 5000,
    ],
    ids=lambda sent: repr(sent[:12]),
)
def test_what_is_no_request_is_refused_and_ended(serve: Serve, sent: bytes) -> None:
    server = serve()
    with connect(server) as odd:
        try:
            odd.sendall(sent)
            odd.settimeout(20)
            begin = odd.recv(12)
        except ConnectionError:
            begin = b""
        assert begin == b"" or int(begin[9:12]) in (303, 400, 414, 421)
    assert httpx.get(f"http://127.0.0.1:{server.port}/login").status_code == 404


def test_a_websocket_is_not_spoken(serve: Serve) -> None:
    headers = {
        "Connection": "upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "x" * 22 + "==",
        "Sec-WebSocket-Version": "13",
    }
    assert httpx.get(f"http://127.0.0.1:{serve().port}/api/v1/events", headers=headers).status_code == 401


def test_who_goes_away_makes_room_for_others(
    serve: Serve, access: Access, site: MemorySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener, and one who breaks off a file that is being sent."""
    monkeypatch.setattr("web.live.MOST_LISTENERS", 1)
    monkeypatch.setattr("web.api.streams.MOST_DOWNLOADS", 1)
    label = site.labels_of["hall"][0]
    monkeypatch.setattr(site, "all_labels", lambda wanted: repeat(label))  # a file without an end
    base = f"http://127.0.0.1:{serve().port}/api/v1"
    headers = {"Authorization": f"Bearer {access.tokens.make('viewer', 'script', ['read'])[1]}"}
    for path in ("events", "exports/labels"):
        with httpx.stream("GET", f"{base}/{path}", headers=headers) as first:
            assert first.status_code == 200
            assert httpx.get(f"{base}/{path}", headers=headers).status_code == 503
        for _ in range(200):
            with httpx.stream("GET", f"{base}/{path}", headers=headers) as second:
                if second.status_code == 200:
                    break
            time.sleep(0.05)
        assert second.status_code == 200


def test_it_ends_though_somebody_listens_and_something_is_slow(app: FastAPI, access: Access) -> None:
    released = threading.Event()

    @app.get("/api/slow")
    def slow() -> None:
        released.wait(30)

    server = WebServer(app)
    server.start()
    headers = {"Authorization": f"Bearer {access.tokens.make('viewer', 'script', ['read'])[1]}"}
    head = f"Host: 127.0.0.1\r\nAuthorization: {headers['Authorization']}\r\n\r\n".encode()
    with connect(server) as listener, connect(server) as waiting, connect(server):
        listener.sendall(b"GET /api/v1/events HTTP/1.1\r\n" + head)
        waiting.sendall(b"GET /api/slow HTTP/1.1\r\n" + head)
        listener.settimeout(10)
        assert listener.recv(1000).startswith(b"HTTP/1.1 200")
        ending = threading.Thread(target=server.end)
        ending.start()
        ending.join(20)
        released.set()
        assert not ending.is_alive()
        assert is_closed(listener) and is_closed(waiting)
    with pytest.raises(OSError):
        connect(server)
