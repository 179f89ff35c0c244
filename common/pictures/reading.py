"""The one reader of pictures from files and bytes: what a device sees is what a network is measured on.

A file's content decides how it is read, not its suffix, and only decoders of a short list are tried: a file called
.png must not reach, say, the one for PostScript. Pictures come out upright, as their EXIF orientation says, and 16 bits
become 8.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from common.errors import FrameError
from common.files import read_file
from common.pictures.picture import Picture

#: The suffixes of the pictures in a folder, in small letters.
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".pgm", ".ppm", ".tif", ".tiff")
#: Pillow's decoders that are tried, whatever a file is called.
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "PPM", "TIFF")
#: Pixels of a picture, at most. A larger one is refused before it is decoded: a small file can ask for gigabytes.
_MOST_PIXELS = 64_000_000
#: Bytes of a picture's file, at most: as many pixels in colour without compression, and room for the rest.
_MOST_BYTES = 1 << 28
#: Pillow's modes of grey pictures.
_GREY_MODES = ("1", "L", "LA", "La")


def read_picture(path: Path) -> Picture:
    """The picture in a file, uint8 (h, w, 1|3). Raises `FrameError`, naming the file, when there is none in it."""
    try:
        data = read_file(path, _MOST_BYTES)
    except OSError as error:
        raise FrameError(f"{path} can't be read: {error.strerror or error}") from error
    return decode_picture(data, str(path))


def decode_picture(data: bytes, name: str) -> Picture:
    """The picture in a file's bytes, uint8 (h, w, 1|3). Raises `FrameError`, which calls it `name`."""
    try:
        # From memory: of a file, Pillow would read as many bytes as a chunk of it claims to have.
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return picture_of(image)
    except Exception as error:  # on damaged files Pillow's decoders raise whatever they stumble over
        raise FrameError(f"{name} can't be read as a picture: {error or type(error).__name__}") from error


def picture_of(image: Image.Image) -> Picture:
    """A Pillow image as a picture, uint8 (h, w, 1|3), upright. Transparency is dropped.

    Raises `FrameError` when it has too many pixels, before they are decoded.
    """
    if image.width * image.height > _MOST_PIXELS:
        raise FrameError(f"it has {image.width * image.height:,} pixels; at most {_MOST_PIXELS:,} are decoded")
    pixels = np.array(_plain(ImageOps.exif_transpose(image)), dtype=np.uint8)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _plain(image: Image.Image) -> Image.Image:
    """The image in mode L when it is stored as grey, otherwise in mode RGB."""
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion may clip to 255
        return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode in _GREY_MODES:
        return image.convert("L")
    # By way of RGBA, since Pillow warns about palettes whose transparency is converted away.
    return image.convert("RGBA").convert("RGB") if image.mode in ("P", "PA") else image.convert("RGB")
