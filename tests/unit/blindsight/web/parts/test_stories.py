"""What each party holds of a frame: the picture where it is kept, noise in between, the label where the key is."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from blindsight.web.parts.stories import Burst, picture_png, story_of
from common.wire.messages import Custody
from web.site import Holding

JOB = "00000012-0123456789abcdef"


def burst(custody: Custody = "site", **known: object) -> Burst:
    values: dict[str, object] = {"labels": ["a", "b"], "at": 1.0, "size": 300}
    return Burst("cam-1", JOB, custody, **{**values, **known})  # type: ignore[arg-type]


def holdings(told: Burst) -> dict[str, Holding]:
    return {holding.party: holding for holding in story_of(told).parties}


def test_all_parties_are_told_in_the_order_of_the_way() -> None:
    assert list(holdings(burst())) == ["device", "broker", "bridge", "redis", "worker", "console"]


def test_whoever_is_between_holds_the_ciphertext_and_never_a_picture_or_label() -> None:
    told = holdings(burst(ciphertext=bytes(range(256)) * 40, picture=b"png"))
    for party in ("broker", "bridge", "redis", "worker"):
        holding = told[party]
        assert holding.holds == "ciphertext"
        assert (holding.size, holding.sha256) == (10_240, hashlib.sha256(bytes(range(256)) * 40).hexdigest())
        assert holding.picture is not None and holding.picture.startswith(b"\x89PNG")


def test_where_its_bytes_are_unknown_the_size_and_the_digest_s_beginning_are_told() -> None:
    broker = holdings(burst())["broker"]
    assert (broker.size, broker.sha256, broker.picture) == (300, "", None)
    assert "0123456789abcdef" in broker.text


def test_a_worker_gives_encrypted_scores() -> None:
    worker = holdings(burst(ciphertext=b"c" * 9000, scores=b"s" * 500))["worker"]
    assert (worker.size, worker.sha256) == (500, hashlib.sha256(b"s" * 500).hexdigest())


def test_under_a_site_s_custody_its_console_alone_has_the_label() -> None:
    told = holdings(burst())
    assert (told["device"].holds, told["console"].holds) == ("nothing", "label")
    assert "a, b" in told["console"].text
    assert all("a, b" not in told[party].text for party in told if party != "console")


def test_a_device_that_holds_its_keys_has_the_label_and_no_console_is_there() -> None:
    told = holdings(burst("device"))
    assert (told["device"].holds, told["console"].holds) == ("label", "nothing")
    assert "keeps none" in told["device"].text


def test_a_device_that_keeps_frames_says_so() -> None:
    assert "--keep-frames" in holdings(burst(keeps_frames=True))["device"].text


def test_a_device_shows_the_picture_that_it_has() -> None:
    device = holdings(burst(picture=b"png"))["device"]
    assert (device.holds, device.picture) == ("picture", b"png")


def test_before_the_scores_came_nobody_has_a_label() -> None:
    assert {holding.holds for holding in holdings(burst(labels=[])).values()} == {"nothing", "ciphertext"}


def test_of_many_labels_the_first_are_told() -> None:
    assert story_of(burst(labels=["a"] * 1020)).label.endswith("a, a and 1,000 more")


def test_a_large_picture_is_made_smaller(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((1000, 2000, 3), np.uint8)).save(tmp_path / "large.jpg")
    png = picture_png(tmp_path / "large.jpg")
    assert png is not None
    assert Image.open(io.BytesIO(png)).size == (640, 320)


def test_what_is_no_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("text")
    assert picture_png(tmp_path / "text.png") is None
    assert picture_png(tmp_path / "missing.png") is None
