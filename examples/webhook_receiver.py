"""A receiver of webhooks in a program of one's own: it prints each label and reading that is genuine, once.

    python examples/webhook_receiver.py SECRET_FILE PORT

SECRET_FILE is the file that the device or console has as --webhook-secret-file. For the open network put a web server
with TLS in front of it. It needs nothing but Python.
"""

import base64
import hashlib
import hmac
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

#: Bytes of a post, at most; a label or a reading has some hundreds.
MOST_BYTES = 1_000_000
#: Seconds that a post's time may differ from this machine's clock. What was recorded earlier is refused after that.
TOLERANCE = 300


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether whoever has the secret has signed this post, within the last minutes."""
    name, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    given = headers.get("webhook-signature", "").encode()
    is_fresh = timestamp.isdecimal() and abs(time.time() - int(timestamp)) <= TOLERANCE
    return hmac.compare_digest(given, expected.encode()) and is_fresh


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine, and prints it unless it came before; 401 to anything else."""

    secret = ""
    seen: ClassVar[set[str]] = set()  # a program that is started again needs a file or a database for it
    timeout = 30

    def do_POST(self) -> None:
        """Take one label or reading."""
        length = self.headers.get("content-length", "")
        body = self.rfile.read(min(int(length), MOST_BYTES)) if length.isdecimal() else b""
        genuine = is_genuine(self.secret, self.headers, body)
        if genuine and self.headers["webhook-id"] not in self.seen:
            print(body.decode(), flush=True)  # only what is done with it counts: then the answer
            self.seen.add(self.headers["webhook-id"])
        self.send_response(204 if genuine else 401)
        self.send_header("content-length", "0")
        self.end_headers()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Receiver.secret = Path(sys.argv[1]).read_text(encoding="ascii").strip()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Receiver).serve_forever()
