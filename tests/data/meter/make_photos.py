"""Renders the photos of this folder anew: `python tests/data/meter/make_photos.py FOLDER-OF-FONTS`.

The fonts are those that training never sees, out of Debian's fonts-* and npm's @fontsource packages, so the folder has
to hold some of the families in `models/rendering/fonts/test_families.txt`. Other fonts give other photos.
"""

import sys
from pathlib import Path

from models.rendering.files import write_photos
from models.rendering.fonts import find_fonts

HERE = Path(__file__).parent

if __name__ == "__main__":
    write_photos(
        HERE,
        find_fonts([Path(sys.argv[1])], "test"),
        count=40,
        seed=2026,
        sizes=[(640, 480)] * 9 + [(1280, 960)],
        loose=0.02,
        hardest=0.25,
    )
