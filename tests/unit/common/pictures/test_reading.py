"""Every picture comes out upright, in eight bits and in grey or colour, or is refused with the reason."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import FrameError
from common.pictures.reading import picture_of, read_picture

COLOUR = (4, 6, 3)


def ramp(mode: str = "L") -> Image.Image:
    values = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    return Image.fromarray(values).convert(mode)


def red() -> Image.Image:
    return Image.new("RGB", (6, 4), (200, 10, 10))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_content_is_grey_however_it_is_stored(mode: str) -> None:
    assert (picture_of(ramp(mode))[:, :, 0] == np.asarray(ramp())).all()


def test_one_bit_becomes_black_and_white() -> None:
    assert set(picture_of(ramp("1")).ravel()) == {0, 255}


@pytest.mark.parametrize("suffix", ["png", "pgm"])
def test_sixteen_bits_become_eight(suffix: str, tmp_path: Path) -> None:
    values = (np.arange(24, dtype=np.uint16).reshape(4, 6) * 10) * 257
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values).save(path)
    assert (read_picture(path)[:, :, 0] == values // 257).all()


def test_a_palette_with_transparency_warns_nobody(tmp_path: Path) -> None:
    image = red().convert("P")
    image.info["transparency"] = bytes([0, 255])
    path = tmp_path / "palette.png"
    image.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(path).shape == COLOUR


def test_colour_keeps_its_order() -> None:
    assert tuple(picture_of(red())[0, 0]) == (200, 10, 10)


def test_a_decompression_bomb_is_refused_undecoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(9000, 9000))
    with pytest.raises(FrameError):
        read_picture(path)
    path.write_bytes(png_header(60000, 60000))
    with pytest.raises(FrameError, match="decompression bomb"):
        read_picture(path)


def test_the_bomb_message_says_how_many_pixels(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(9000, 9000))
    with pytest.raises(FrameError, match="81,000,000 pixels"):
        read_picture(path)


@pytest.mark.parametrize("keep", [0, 4, 30, 50, -20])
def test_a_truncated_image_is_refused(keep: int, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    ramp().save(buffer, "PNG")
    path = tmp_path / "cut.png"
    path.write_bytes(buffer.getvalue()[:keep])
    with pytest.raises(FrameError, match="can't be read"):
        read_picture(path)


def test_text_and_other_formats_are_no_images(tmp_path: Path) -> None:
    path = tmp_path / "note.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n")
    with pytest.raises(FrameError, match="can't be read"):
        read_picture(path)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
