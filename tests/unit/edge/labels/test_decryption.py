"""A label message answers its burst, every frame of it once, in order of capture; a wrong one answers none."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from structlog.testing import capture_logs

from common.ckks.ciphertext import encode_ciphertexts
from common.ckks.fhe import Ciphertext
from common.errors import WireError
from common.keys.key_set import create_key_set
from common.keys.scores import ScoreReader
from common.label_groups import read_groups
from common.plan.layers import Dense, Flatten
from common.plan.network import Network
from common.publishing.events import FrameLabel, decode_event
from common.wire import messages
from common.wire.messages import EncryptedScores
from compiler.compile import compile_network
from edge.encryption import FrameCipher
from edge.labels.answers import AnswerBook
from edge.labels.decryption import LabelBook
from edge.labels.results import ResultFile, read_results
from edge.outbox.dead_letters import DeadLetters
from edge.outbox.entries import Entry
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import CapturedFrame
from tests.unit.edge.onlooker import Onlooker

K = 4


@pytest.fixture(scope="module")
def cipher(tmp_path_factory: pytest.TempPathFactory) -> FrameCipher:
    """For a network of three labels, four frames in a ciphertext."""
    rng = np.random.default_rng(0)
    layers = (Flatten(), Dense(rng.normal(size=(3, 4)), np.zeros(3)))
    network = Network("tiny", (2, 2, 1), ("a", "b", "c"), layers)
    frames = rng.integers(0, 256, (20, 2, 2, 1), dtype=np.uint8)
    head = compile_network(network, frames, frames_per_ciphertext=K).head
    assert head.parameters.levels == 0  # so that a fresh ciphertext can stand for a reply
    return FrameCipher(head, create_key_set(head, tmp_path_factory.mktemp("keys") / "set"))


class Bench:
    def __init__(self, folder: Path, cipher: FrameCipher) -> None:
        self.folder, self.cipher = folder, cipher
        self.outbox = Outbox(folder / "outbox.sqlite", 10**9, ["webhook"])
        self.results = ResultFile(folder / "results.jsonl")
        self.answers = AnswerBook(self.outbox, self.results)
        readers = {(cipher.key_set.fingerprint, cipher.head.hash): ScoreReader(cipher.head, cipher.key_set)}
        groups = read_groups(["last=b,c"])
        self.onlooker = Onlooker()
        self.book = LabelBook("cam-a", readers, self.outbox, self.answers, groups=groups, watcher=self.onlooker)

    def add(
        self, frames: int, plan: str | None = None, key_set: str | None = None, expected: dict[int, int] | None = None
    ) -> str:
        """A burst; `expected` has the labels of those of its frames that are known answers."""
        key_set, plan = key_set or self.cipher.key_set.fingerprint, plan or self.cipher.head.hash
        counter = self.outbox.next_counter(frames)
        job = f"{counter:08d}-0123456789abcdef"
        captured = tuple(
            CapturedFrame(f"{counter + n}.png", 1000.0 + counter + n, (expected or {}).get(n)) for n in range(frames)
        )
        self.outbox.add(Entry(job, counter, captured, 5.0, bytes(1001), key_set, plan))
        return job

    def retry(self, job: str) -> None:
        letters = DeadLetters(self.folder / "outbox.sqlite")
        assert letters.retry(job)
        letters.close()

    def restart(self) -> None:
        """As a device that was killed does."""
        self.results.close()
        self.results = ResultFile(self.folder / "results.jsonl")
        self.answers = AnswerBook(self.outbox, self.results)
        self.answers.write_out()

    def take(self, label: EncryptedScores) -> None:
        self.book.take(messages.encode(label))

    def label(self, job: str, labels: list[int], ciphertexts: int | None = None) -> EncryptedScores:
        """A reply whose scores are highest for these labels."""
        head, context = self.cipher.head, self.cipher.key_set.context
        slots = np.zeros((*head.output_layout.shape, K))
        for frame, label in enumerate(labels):
            slots[head.output_layout == label, frame] = 1.0
        encrypted: list[Ciphertext] = []
        for row in slots.reshape(head.output_ciphertexts, -1):
            encrypted.append(context.encrypt(row, head.output_scale))
        data = encode_ciphertexts(context, encrypted)
        now = time.time()
        return EncryptedScores(1, job, "a" * 64, "b" * 64, now, now, now + 0.1, now, "w", data)

    def written(self) -> list[tuple[int, str, str]]:
        return [(r.counter, r.source, r.label) for r in read_results(self.folder / "results.jsonl")]


@pytest.fixture
def bench(tmp_path: Path, cipher: FrameCipher) -> Iterator[Bench]:
    made = Bench(tmp_path, cipher)
    yield made
    made.results.close()
    made.outbox.close()


def test_every_frame_of_a_burst_gets_its_own_result_and_its_share_of_the_bytes(bench: Bench) -> None:
    job = bench.add(3)
    label = bench.label(job, [2, 0, 1])
    bench.take(label)
    assert bench.written() == [(0, "0.png", "c"), (1, "1.png", "a"), (2, "2.png", "b")]
    results = list(read_results(bench.folder / "results.jsonl"))
    assert {(r.job, r.uplink_bytes, r.downlink_bytes) for r in results} == {
        (job, 334, round(len(messages.encode(label)) / 3))
    }
    assert [r.captured_at for r in results] == [1000.0, 1001.0, 1002.0]
    assert results[0].stages_ms == results[2].stages_ms
    assert results[0].stages_ms["evaluate"] == pytest.approx(100, abs=1)


def test_a_label_is_written_published_and_logged_with_its_group(bench: Bench) -> None:
    with capture_logs() as logs:
        bench.take(bench.label(bench.add(3), [2, 0, 1]))
    expected = [("c", "last"), ("a", ""), ("b", "last")]
    assert [(r.label, r.group) for r in read_results(bench.folder / "results.jsonl")] == expected
    lines = (bench.folder / "results.jsonl").read_bytes().splitlines()
    assert [b'"group":"last"' in line for line in lines] == [b"group" in line for line in lines] == [True, False, True]
    published = [decode_event(each.body) for each in bench.outbox.outgoing.first("webhook", 9)]
    assert [(e.label, e.group) for e in published if isinstance(e, FrameLabel)] == expected
    assert [entry.get("group") for entry in logs if entry["event"] == "label"] == ["last", None, "last"]


def test_a_label_that_comes_again_changes_nothing(bench: Bench) -> None:
    job = bench.add(2)
    bench.take(bench.label(job, [2, 0]))
    bench.take(bench.label(job, [1, 1]))
    assert bench.written() == [(0, "0.png", "c"), (1, "1.png", "a")]
    assert bench.outbox.counts().answered == 2


def test_bursts_are_written_in_order_of_capture(bench: Bench) -> None:
    first, second = bench.add(4), bench.add(2)
    bench.take(bench.label(second, [0, 1]))
    assert bench.written() == []
    bench.take(bench.label(first, [0, 1, 2, 0]))
    assert [counter for counter, _, _ in bench.written()] == [0, 1, 2, 3, 4, 5]


def test_a_parked_burst_holds_up_nothing(bench: Bench) -> None:
    first, second = bench.add(4), bench.add(1)
    bench.take(bench.label(second, [1]))
    bench.outbox.park(first, "deadline", "", 0)
    bench.answers.write_out()
    assert bench.written() == [(4, "4.png", "b")]


@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: d + d, lambda d: d[:-1], lambda d: d[: len(d) // 2]])
def test_a_wrong_number_of_ciphertexts_is_a_wire_error_and_answers_nothing(bench: Bench, damage) -> None:
    job = bench.add(2)
    label = bench.label(job, [0, 1])
    hostile = msgspec.structs.replace(label, ciphertext=damage(label.ciphertext))
    with pytest.raises(WireError, match="bytes where"):
        bench.take(hostile)
    assert bench.outbox.counts().pending == 2
    bench.take(label)
    assert len(bench.written()) == 2


@pytest.mark.parametrize("other", [{"plan": "0" * 64}, {"key_set": "0" * 64}], ids=["plan", "key set"])
def test_scores_for_another_plan_or_key_set_are_never_read_as_labels(bench: Bench, other: dict[str, str]) -> None:
    job = bench.add(2 * K, **other)  # more frames than this plan's ciphertexts take
    with pytest.raises(WireError, match=f"{job} was encrypted under"):
        bench.take(bench.label(job, [0, 1]))
    assert bench.outbox.counts().pending == 2 * K


def test_what_a_crash_left_between_record_and_file_is_written_once(bench: Bench) -> None:
    job = bench.add(3)
    bench.take(bench.label(job, [2, 0, 1]))
    lines = (bench.folder / "results.jsonl").read_bytes().splitlines(keepends=True)
    (bench.folder / "results.jsonl").write_bytes(lines[0] + lines[1][:20])
    bench.outbox.mark([1, 2, 3], written=False)
    bench.restart()
    assert (bench.folder / "results.jsonl").read_bytes() == b"".join(lines)


def test_a_retried_dead_letter_is_written_once_though_later_frames_were_before(bench: Bench) -> None:
    first, second, third = bench.add(2), bench.add(1), bench.add(1)
    bench.outbox.park(first, "deadline", "", 0)
    bench.take(bench.label(second, [1]))
    bench.retry(first)
    bench.take(bench.label(third, [2]))  # doesn't wait for what comes out of order anyway
    assert [counter for counter, _, _ in bench.written()] == [2, 3]
    bench.take(bench.label(first, [0, 1]))
    bench.take(bench.label(first, [2, 2]))
    lines = [(2, "2.png", "b"), (3, "3.png", "c"), (0, "0.png", "a"), (1, "1.png", "b")]
    assert bench.written() == lines
    bench.restart()
    assert bench.written() == lines


@pytest.mark.parametrize("kept", [2, 3], ids=["before both lines", "between the lines"])
def test_a_crash_before_a_retried_one_is_written_costs_nothing_and_repeats_nothing(bench: Bench, kept: int) -> None:
    first, second = bench.add(2), bench.add(2)
    bench.outbox.park(first, "deadline", "", 0)
    bench.take(bench.label(second, [1, 2]))
    bench.retry(first)
    bench.take(bench.label(first, [0, 1]))
    path = bench.folder / "results.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:kept]) + lines[kept][:20])
    bench.outbox.mark([3, 4], written=False)
    bench.restart()
    assert path.read_bytes() == b"".join(lines)


def alarms(logs: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{key: entry[key] for key in ("job", "expected", "got")} for entry in logs if entry["event"] == "alarm"]


def test_a_known_answer_that_comes_back_right_leaves_no_trace_in_the_results(bench: Bench) -> None:
    job = bench.add(3, expected={1: 0})
    with capture_logs() as logs:
        bench.take(bench.label(job, [2, 0, 1]))
    assert bench.written() == [(0, "0.png", "c"), (2, "2.png", "b")]
    assert alarms(logs) == []
    assert [entry["source"] for entry in logs] == ["0.png", "2.png"]
    counts = bench.outbox.counts()
    assert (counts.answered, counts.alarms) == (3, 0)


def test_a_known_answer_that_comes_back_wrong_raises_one_alarm(bench: Bench) -> None:
    job = bench.add(3, expected={0: 2, 1: 0})
    with capture_logs() as logs:
        for _ in range(2):  # however often the label comes
            bench.take(bench.label(job, [2, 1, 1]))
    assert bench.written() == [(2, "2.png", "b")]
    assert alarms(logs) == [{"job": job, "expected": "a", "got": "b"}]
    assert bench.outbox.counts().alarms == 1


def test_who_looks_on_sees_labels_and_alarms_once(bench: Bench) -> None:
    job = bench.add(3, expected={1: 0})
    for _ in range(2):
        bench.take(bench.label(job, [2, 1, 1]))
    assert bench.onlooker.seen == [("answered", job, ["c", "b", "b"]), ("alarm", 1, "a", "b")]


def test_known_answers_hold_up_no_results_over_a_restart(bench: Bench) -> None:
    first, second = bench.add(1, expected={0: 1}), bench.add(2, expected={1: 1})
    bench.take(bench.label(second, [0, 1]))
    bench.take(bench.label(first, [1]))
    bench.restart()
    assert bench.written() == [(1, "1.png", "a")]
