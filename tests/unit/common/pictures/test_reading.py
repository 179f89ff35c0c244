"""Every picture comes out upright, in eight bits and in grey or colour, or is refused with the reason."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.errors import FrameError
from common.pictures.reading import decode_picture, picture_of, read_picture

#: How a picture is stored that its EXIF orientation makes upright.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
#: Pillow's modes that each format is written in, and what it takes to lose little.
WRITTEN: dict[str, tuple[tuple[str, ...], dict[str, object]]] = {
    "PNG": (("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), {}),
    "JPEG": (("L", "RGB", "CMYK", "YCbCr"), {"quality": 100, "subsampling": 0}),
    "WEBP": (("L", "RGB", "RGBA"), {"lossless": True}),
    "TIFF": (("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "I;16", "I;16B"), {}),
}
#: Formats that know no orientation.
PLAIN = {
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("1", "L", "P"),
    "PPM": ("1", "L", "RGB", "I;16"),
}
#: Modes that pictures of a program may be in besides, as far as Pillow converts to them.
IN_MEMORY = ("La", "RGBa", "HSV", "I")


def ramp(mode: str = "L") -> Image.Image:
    """Grey values 0 … 230, which differ by 10 and are turned into one another by no transposition."""
    values = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    if mode.startswith("I"):
        deep = values.astype("int32" if mode == "I" else ">u2" if mode == "I;16B" else "<u2") * 257
        return Image.fromarray(deep)
    if mode == "1":
        return Image.fromarray(values >= 120)
    by = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode)
    return Image.fromarray(values).convert(by).convert(mode) if by else Image.fromarray(values).convert(mode)


def expected(mode: str) -> NDArray[np.int16]:
    values = np.asarray(ramp()).astype(np.int16)
    return (values >= 120) * np.int16(255) if mode == "1" else values


def assert_shows(data: bytes, mode: str, most: int = 0) -> None:
    picture = decode_picture(data, "it")
    assert picture.dtype == np.uint8
    assert picture.shape[:2] == (4, 6)
    assert np.abs(picture - expected(mode)[:, :, None]).max() <= most


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, (modes, _) in WRITTEN.items() for mode in modes])
def test_every_mode_comes_out_upright(kind: str, mode: str, orientation: int) -> None:
    image, stored, exif = ramp(mode), STORED[orientation], Image.Exif()
    exif[0x0112] = orientation
    turned = image if stored is None else image.transpose(stored)
    assert_shows(saved(turned, kind, exif=exif, **WRITTEN[kind][1]), mode, most=4 if kind == "JPEG" else 1)


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in PLAIN.items() for mode in modes])
def test_every_mode_of_formats_without_an_orientation_comes_out(kind: str, mode: str) -> None:
    assert_shows(saved(ramp(mode), kind), mode)


@pytest.mark.parametrize("mode", IN_MEMORY)
def test_so_does_a_picture_of_a_program(mode: str) -> None:
    assert np.abs(picture_of(ramp(mode)) - expected(mode)[:, :, None]).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "pgm", ""])
def test_the_content_decides_how_a_file_is_read_not_its_suffix(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    for kind in ("PNG", "BMP", "TIFF", "PPM"):
        path.write_bytes(saved(ramp(), kind))
        assert (read_picture(path)[:, :, 0] == np.asarray(ramp())).all()


@pytest.mark.parametrize("most", [255, 1023, 4095, 65535])
def test_the_depth_of_a_pgm_is_taken_from_its_head(most: int) -> None:
    values = np.asarray(ramp()).astype(np.float64) / 255 * most
    data = b"P5 6 4 %d\n" % most + np.rint(values).astype(">u2" if most > 255 else np.uint8).tobytes()
    assert_shows(data, "L", most=1)


def test_what_is_transparent_is_white() -> None:
    ink = Image.new("L", (6, 4), 0)
    for image in (Image.merge("LA", (ink, ramp())), Image.merge("RGBA", (ink, ink, ink, ramp()))):
        picture = decode_picture(saved(image, "PNG"), "it")
        assert (picture == 255 - np.asarray(ramp())[:, :, None]).all()
    palette = red().quantize(2)
    palette.info["transparency"] = palette.getpixel((0, 0))
    assert (decode_picture(saved(palette, "PNG"), "it") == 255).all()


@pytest.mark.parametrize(("mode", "says"), [("F", "floating-point values"), ("I", "32-bit values")])
def test_values_whose_range_nobody_knows_are_refused(mode: str, says: str) -> None:
    image = Image.new(mode, (6, 4), 70_000 if mode == "I" else None)
    with pytest.raises(FrameError, match=says):
        decode_picture(saved(image, "TIFF"), "it")


def test_a_picture_of_a_phone_that_isn_t_read_is_named() -> None:
    with pytest.raises(FrameError, match=r"a\.heic is a HEIC or AVIF picture, .* convert it to JPEG or PNG"):
        decode_picture(b"\0\0\0\x18ftypheic\0\0\0\0", "a.heic")


def red() -> Image.Image:
    return Image.new("RGB", (6, 4), (200, 10, 10))


def test_a_palette_with_transparency_warns_nobody(tmp_path: Path) -> None:
    image = red().convert("P")
    image.info["transparency"] = bytes([0, 255])
    path = tmp_path / "palette.png"
    image.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(path).shape == (4, 6, 3)


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
