"""A camera's HTTP server, on a free port of loopback, which does as a test says."""

import base64
import hashlib
import io
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

#: User and password of the camera.
USER, PASSWORD = "admin", "hunter2:b"


def jpeg(value: int = 90, size: tuple[int, int] = (64, 48)) -> bytes:
    """A picture of one shade."""
    file = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0]), value, np.uint8)).save(file, "JPEG")
    return file.getvalue()


Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class CameraServer:
    """Where the server is, what it answers, and the requests that it got."""

    url: str
    answer: Answer
    requests: list[str] = field(default_factory=list)


@contextmanager
def camera_server(answer: Answer, tls: tuple[Path, Path] | None = None) -> Iterator[CameraServer]:
    """Serve until the end; `answer` may be changed meanwhile. `tls` is a certificate and its key, for https://."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            running.requests.append(self.path)
            try:
                running.answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to log."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that went away, or one that didn't like our certificate."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    running = CameraServer(f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/picture", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(request: BaseHTTPRequestHandler, body: bytes, kind: str = "image/jpeg", status: int = 200) -> None:
    """Answer a request."""
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def begin_stream(request: BaseHTTPRequestHandler) -> None:
    """The head of an MJPEG stream's answer."""
    request.close_connection = True
    request.send_response(200)
    request.send_header("Content-Type", 'multipart/x-mixed-replace; boundary="--frame"')
    request.end_headers()


def send_part(request: BaseHTTPRequestHandler, body: bytes, with_length: bool = True) -> None:
    """A picture of a stream."""
    length = f"Content-Length: {len(body)}\r\n" if with_length else ""
    request.wfile.write(f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + body + b"\r\n")
    request.wfile.flush()


def asking_for(way: str, answer: Answer) -> Answer:
    """The same answer, for those only who know user and password; `way` is Basic or Digest."""

    def checked(request: BaseHTTPRequestHandler) -> None:
        given = request.headers.get("Authorization", "")
        if (_basic if way == "Basic" else _digest)(given, request):
            answer(request)
            return
        request.send_response(401)
        challenge = 'Basic realm="cam"' if way == "Basic" else 'Digest realm="cam", nonce="0123", qop="auth"'
        request.send_header("WWW-Authenticate", challenge)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return checked


def _basic(given: str, _: BaseHTTPRequestHandler) -> bool:
    return given == f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"


def _digest(given: str, request: BaseHTTPRequestHandler) -> bool:
    """Whether a response to our challenge is right (RFC 7616, MD5)."""
    found = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
    if not {"uri", "nc", "cnonce", "response"} <= found.keys():
        return False

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret, what = md5(f"{USER}:cam:{PASSWORD}"), md5(f"{request.command}:{found['uri']}")
    return found["response"] == md5(f"{secret}:0123:{found['nc']}:{found['cnonce']}:auth:{what}")
