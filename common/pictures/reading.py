"""The one reader of pictures from files and bytes: what a device sees is what a network is measured on.

A file's content decides how it is read, not its suffix, and only decoders of a short list are tried: a file called
.png must not reach, say, the one for PostScript. Pictures come out upright, as their EXIF orientation says, and 16 bits
become 8. Of several pictures in a file the first is taken.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from common.errors import FrameError
from common.files import read_file
from common.pictures.picture import Picture

#: The suffixes of the pictures in a folder, in small letters.
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm"),
    *(".heic", ".heif", ".avif"),  # which aren't read: better that the reader says so than that they are passed over
)
#: Pillow's decoders that are tried, whatever a file is called.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
#: Pixels of a picture, at most. A larger one is refused before it is decoded: a small file can ask for gigabytes.
_MOST_PIXELS = 64_000_000
#: Bytes of a picture's file, at most: as many pixels in colour without compression, and room for the rest.
_MOST_BYTES = 1 << 28
#: Pillow's modes of grey pictures with up to 8 bits.
_GREY_MODES = ("1", "L", "LA", "La")
#: The largest of 16-bit values.
_MOST_16 = 65535


def read_picture(path: Path) -> Picture:
    """The picture in a file, uint8 (h, w, 1|3). Raises `FrameError`, naming the file, when there is none in it."""
    try:
        data = read_file(path, _MOST_BYTES)
    except OSError as error:
        raise FrameError(f"{path} can't be read: {error.strerror or error}") from error
    return decode_picture(data, str(path))


def pictures_in(folder: Path) -> list[Path]:
    """The files of a folder that end as pictures do, in order of their names. Raises `OSError`."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def decode_picture(data: bytes, name: str) -> Picture:
    """The picture in a file's bytes, uint8 (h, w, 1|3). Raises `FrameError`, which calls it `name`."""
    if data[4:8] == b"ftyp":
        raise FrameError(f"{name} is a HEIC or AVIF picture, or a video; convert it to JPEG or PNG")
    try:
        # From memory: of a file, Pillow would read as many bytes as a chunk of it claims to have.
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return picture_of(image)
    except UnidentifiedImageError as error:
        raise FrameError(f"{name} can't be read as a picture: it is none of {', '.join(_FORMATS)}") from error
    except Exception as error:  # on damaged files Pillow's decoders raise whatever they stumble over
        raise FrameError(f"{name} can't be read as a picture: {str(error) or type(error).__name__}") from error


def picture_of(image: Image.Image) -> Picture:
    """A Pillow image as a picture, uint8 (h, w, 1|3), upright. What is transparent is white, as viewers show it.

    Raises `FrameError` when it has too many pixels, before they are decoded, or values whose range isn't known.
    """
    if image.width * image.height > _MOST_PIXELS:
        raise FrameError(f"it has {image.width * image.height:,} pixels; at most {_MOST_PIXELS:,} are decoded")
    pixels = _pixels(ImageOps.exif_transpose(image))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _pixels(image: Image.Image) -> Picture:
    """The values (h, w) when the image is stored as grey, otherwise (h, w, 3)."""
    if image.mode == "F":
        raise FrameError("it has floating-point values, whose range isn't known; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        return _from_16_bits(image)
    wanted = "L" if image.mode in _GREY_MODES else "RGB"
    if image.has_transparency_data:
        straight = image.convert("LA") if image.mode == "La" else image  # Pillow converts La to no other mode
        clear, image = straight.convert("RGBA"), Image.new(wanted, image.size, "white")
        image.paste(clear.convert(wanted), mask=clear.getchannel("A"))
    return np.array(image.convert(wanted))


def _from_16_bits(image: Image.Image) -> Picture:
    """The upper 8 of 16 bits; Pillow's own conversion may clip to 255."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > _MOST_16:
        raise FrameError("it has 32-bit values, whose range isn't known; save it with 8 or 16 bits")
    return (values >> 8).astype(np.uint8)
