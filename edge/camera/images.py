"""Images as frames of the shape that the model takes."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import FrameError
from common.files import read_file

#: Height, width, channels: 1 is grey, 3 is RGB.
FrameShape = tuple[int, int, int]

#: The decoders for the folder's suffixes, and no others: a file called .png must not reach, say, PostScript's.
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "PPM")
#: Pixels of an image, at most. A larger one is refused before it is decoded: a small file can ask for gigabytes.
_MAX_PIXELS = 64_000_000
#: Bytes of an image's file, at most: as many pixels in colour without compression, and room for the rest.
_MOST_BYTES = 1 << 28
#: Pillow's modes of grey images.
_GREY_MODES = ("1", "L", "LA", "La")


def read_image(path: Path, frame_shape: FrameShape, resize: bool) -> NDArray[np.uint8]:
    """An image file as a frame of `frame_shape`. Raises `FrameError` when it can't be read or doesn't fit."""
    try:
        # From memory: of a file, Pillow would read as many bytes as a chunk of it claims to have.
        with Image.open(io.BytesIO(read_file(path, _MOST_BYTES)), formats=_FORMATS) as image:
            return fit(image, frame_shape, resize)
    except FrameError:
        raise
    except Exception as error:  # on damaged files Pillow's decoders raise whatever they stumble over
        raise FrameError(f"can't be read as an image: {error or type(error).__name__}") from error


def fit(image: Image.Image, frame_shape: FrameShape, resize: bool) -> NDArray[np.uint8]:
    """An image as a uint8 frame of `frame_shape` (h, w, c).

    Transparency is dropped; 16 bits become 8. `resize` stretches to the model's size, and turns
    colour to grey or grey to colour. Raises `FrameError` when the image doesn't fit without it.
    """
    height, width, channels = frame_shape
    # Sizes first: they are known before any pixel is decoded.
    if image.width * image.height > _MAX_PIXELS:
        raise FrameError(f"has {image.width * image.height:,} pixels; at most {_MAX_PIXELS:,} are decoded")
    if not resize and image.size != (width, height):
        raise FrameError(
            f"is {image.height}×{image.width} (height × width), the model takes {height}×{width}; pass --resize"
        )
    plain = _plain(image)
    if not resize and channels == 1 and plain.mode == "RGB" and not _is_grey(plain):
        raise FrameError("is in colour, the model takes grey; pass --resize")
    if not resize and channels == 3 and plain.mode == "L":
        raise FrameError("is grey, the model takes colour; pass --resize")
    plain = plain.convert("L" if channels == 1 else "RGB")
    if plain.size != (width, height):
        # When it shrinks, Pillow widens this filter to cover every source pixel: no aliasing.
        plain = plain.resize((width, height), Image.Resampling.BILINEAR)
    return np.array(plain, dtype=np.uint8).reshape(frame_shape)


def _plain(image: Image.Image) -> Image.Image:
    """The image in mode L when it is stored as grey, otherwise in mode RGB."""
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion may clip to 255
        return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode in _GREY_MODES:
        return image.convert("L")
    # By way of RGBA, since Pillow warns about palettes whose transparency is converted away.
    return image.convert("RGBA").convert("RGB") if image.mode in ("P", "PA") else image.convert("RGB")


def _is_grey(image: Image.Image) -> bool:
    pixels = np.asarray(image)
    return bool((pixels == pixels[:, :, :1]).all())
