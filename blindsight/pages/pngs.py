"""Pictures on their way to a browser."""

import io

from PIL import Image

from common.pictures.picture import Picture


def png_of(picture: Picture) -> bytes:
    """A picture, uint8 (h, w, 1|3), as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(file, "PNG", compress_level=1)
    return file.getvalue()
