"""What is posted to a webhook: signed, at least once, in order, to a receiver that may refuse, stall or babble."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook

from common.errors import BlindsightError, ConfigurationError
from common.publishing import forwarder
from common.publishing.events import event_id, plain
from common.publishing.forwarder import Forwarder
from common.publishing.metrics import ForwardMetrics
from common.publishing.ways import webhook
from common.publishing.ways.webhook import WebhookWay, host_of, read_key
from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import LABEL, PLAIN, READING, opened
from tests.unit.common.publishing.ways.receiver import Receiver, receiving

ROOT = Path(__file__).parents[5]
KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def way(receiver: Receiver) -> Iterator[WebhookWay]:
    made = WebhookWay(receiver.url, KEY)
    yield made
    made.close()


def test_each_event_is_posted_as_json_with_an_id_of_its_own(receiver: Receiver, way: WebhookWay) -> None:
    way.send([plain(LABEL), plain(READING)])
    label, reading = receiver.posts
    assert label.path == "/hook?token=hunter2"
    assert json.loads(label.body) == PLAIN
    assert json.loads(reading.body)["value"] == "1234.5"
    assert {post.headers["content-type"] for post in receiver.posts} == {"application/json"}
    assert receiver.ids() == [event_id(LABEL), event_id(READING)]
    way.send([plain(LABEL)])
    assert receiver.ids()[2] == receiver.ids()[0]  # a receiver knows a repeated event by it


def test_a_library_of_standard_webhooks_verifies_the_signature(receiver: Receiver, way: WebhookWay) -> None:
    way.send([plain(msgspec.structs.replace(READING, name="Wärme 🔥/.", why="Glas beschlagen\n"))])
    (post,) = receiver.posts
    verifier = Webhook(SECRET)
    assert verifier.verify(post.body, post.headers)["name"] == "Wärme 🔥/."
    assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 60
    other_time = str(int(post.headers["webhook-timestamp"]) - 1)
    forged = [
        (post.body.replace(b"1234.5", b"1234.6"), post.headers),
        (post.body, {**post.headers, "webhook-id": f"{post.headers['webhook-id']}0"}),
        (post.body, {**post.headers, "webhook-timestamp": other_time}),
    ]
    for body, headers in forged:
        with pytest.raises(Exception, match="signature"):
            verifier.verify(body, headers)


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    way = WebhookWay(receiver.url, None)
    way.send([plain(LABEL)])
    way.close()
    assert "webhook-signature" not in receiver.posts[0].headers


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 408, 410, 413, 425, 429, 500, 503])
@pytest.mark.slow
def test_nothing_but_2xx_is_arrival(receiver: Receiver, way: WebhookWay, status: int) -> None:
    receiver.answers += [status]
    with pytest.raises(BlindsightError, match=f"http://127.0.0.1:{receiver.port} answers {status}") as caught:
        way.send([plain(LABEL)])
    assert "hunter2" not in str(caught.value)
    assert ("redirects" in str(caught.value)) == (status in (301, 307))
    assert len(receiver.posts) == 1  # it follows nobody elsewhere
    way.send([plain(LABEL)])


def test_what_is_refused_is_posted_again_until_it_is_taken_and_those_behind_it_wait(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "_FIRST_PAUSE", 0.001)
    receiver.answers += [500, 404, 429, 200, 200, 503, 202]
    with opened(tmp_path / "queue.sqlite", "webhook") as queue:
        queue.add_labels(3)
        running = Forwarder(queue.outgoing, WebhookWay(receiver.url, KEY), ForwardMetrics(CollectorRegistry()))
        wait_for("all at the receiver", lambda: queue.outgoing.waiting("webhook") == 0)
        running.close(10)
    assert [json.loads(post.body)["counter"] for post in receiver.posts] == [3, 3, 3, 3, 4, 5, 5]


def stall(handler: Any) -> None:
    threading.Event().wait(3)


def babble(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1000):
        handler.wfile.write(b"x" * 100_000)


def hang_up(handler: Any) -> None:
    pass


def no_http(handler: Any) -> None:
    handler.wfile.write(b"\xff\x00 is no HTTP\r\n\r\n")


def endless_head(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200_000)


@pytest.mark.parametrize("answer", [stall, hang_up, no_http, endless_head])
def test_no_answer_is_no_arrival(
    receiver: Receiver, way: WebhookWay, answer: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_BYTES_SECONDS", 0.3)
    receiver.answers += [answer]
    with pytest.raises(BlindsightError, match="doesn't answer: ") as caught:
        way.send([plain(LABEL)])
    assert "hunter2" not in str(caught.value) and len(str(caught.value)) < 500
    way.send([plain(LABEL)])
    assert len(receiver.posts) == 2


def test_of_a_long_answer_only_the_beginning_is_read(receiver: Receiver, way: WebhookWay) -> None:
    receiver.answers += [babble]
    way.send([plain(LABEL)])
    way.send([plain(LABEL)])
    assert len(receiver.posts) == 2


@pytest.mark.parametrize("pause", [0.02, 600.0])
@pytest.mark.slow
def test_a_2xx_is_arrival_however_slow_the_rest_of_the_answer_is(
    receiver: Receiver, way: WebhookWay, monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    monkeypatch.setattr(webhook, "_BYTES_SECONDS", 0.2)
    ended = threading.Event()

    def trickle(request: Any) -> None:
        request.send_response(200)
        request.end_headers()
        while not ended.wait(pause):
            request.wfile.write(b"x")

    receiver.answers += [trickle]
    way.send([plain(LABEL), plain(READING)])
    ended.set()
    assert receiver.ids() == [event_id(LABEL), event_id(READING)]


def test_a_receiver_that_is_not_there_is_said_without_the_secrets_of_its_url() -> None:
    way = WebhookWay("http://me:hunter2@127.0.0.1:9/hunter2?hunter2", KEY)
    with pytest.raises(BlindsightError, match=r"http://127\.0\.0\.1:9 doesn't answer: .*refused") as caught:
        way.send([plain(LABEL)])
    way.close()
    assert "hunter2" not in str(caught.value) and "me" not in host_of("http://me:hunter2@127.0.0.1")


@pytest.mark.parametrize("url", ["http://300.1.1.1/hunter2", "http://me:hunter2@[v1.a]/"])
def test_a_url_that_no_client_takes_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"webhook is at http://.* can't be read as a URL") as caught:
        WebhookWay(url, None)
    assert "hunter2" not in str(caught.value)


def test_user_and_password_of_the_url_are_sent_and_logged_nowhere(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    way = WebhookWay(receiver.url.replace("127", "me:hunter2@127"), None)
    with structlog.testing.capture_logs() as logs:
        way.send([plain(LABEL)])
    way.close()
    assert receiver.posts[0].headers["authorization"] == f"Basic {base64.b64encode(b'me:hunter2').decode()}"
    assert "hunter2" not in caplog.text and "hunter2" not in str(logs)


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "whsec_hunter2",
        f"whsec_{base64.b64encode(bytes(23)).decode()}",
        f"whsec_{base64.b64encode(bytes(65)).decode()}",
        base64.b64encode(KEY).decode(),
        "whsec_Wärme",
    ],
)
def test_a_secret_of_another_form_is_refused_with_a_command_that_makes_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret").write_text(f"{text}\n")
    with pytest.raises(ConfigurationError, match=r"webhook_secret_file is .*openssl rand -base64 32") as caught:
        read_key(tmp_path / "secret")
    assert text not in str(caught.value)


def test_the_key_is_what_the_secret_has_in_base64(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert read_key(tmp_path / "secret") == KEY


#: A key holder that records ten labels and is killed, the first time, when the receiver has one that isn't marked yet.
DYING = """
import os, signal, sys, time
from pathlib import Path
from prometheus_client import CollectorRegistry
from common.publishing.forwarder import Forwarder
from common.publishing.metrics import ForwardMetrics
from common.publishing.outgoing import Outgoing
from common.publishing.ways.webhook import WebhookWay
from tests.unit.common.publishing.queues import Queue
url, path, dies = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "dies"
queue = Queue(path, ["webhook"])
sent, calls = Outgoing.sent, []
def sent_or_die(self, numbers):
    calls.append(None)
    if dies and len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    sent(self, numbers)
Outgoing.sent = sent_or_die
if dies:
    queue.add_labels(10)
running = Forwarder(queue.outgoing, WebhookWay(url, None), ForwardMetrics(CollectorRegistry()))
while queue.outgoing.waiting("webhook"):
    time.sleep(0.01)
running.close(10)
"""


@pytest.mark.slow
def test_a_kill_between_post_and_mark_loses_nothing_and_the_id_tells_what_came_twice(
    receiver: Receiver, tmp_path: Path
) -> None:
    for end, code in (("dies", -signal.SIGKILL), ("lives", 0)):
        command = [sys.executable, "-c", DYING, receiver.url, str(tmp_path / "queue.sqlite"), end]
        assert subprocess.run(command, cwd=ROOT, env=os.environ, timeout=60, check=False).returncode == code
    counters = [json.loads(post.body)["counter"] for post in receiver.posts]
    assert counters == [3, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12]
    assert receiver.ids()[3] == receiver.ids()[4] and len(set(receiver.ids())) == 10
