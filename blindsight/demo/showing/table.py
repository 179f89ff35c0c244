"""What each party of a demo holds, in a terminal: the picture, the ciphertext, and the reading."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from blindsight.demo.showing.blocks import blocks
from blindsight.demo.showing.noise import noise_picture
from blindsight.demo.showing.strip import Moment

#: Characters of a picture's width, and pixels of the noise, each of which is half a character.
_COLUMNS, _NOISE = 32, (32, 24)


def moments_table(moments: Sequence[Moment]) -> Table:
    """A row for each moment, as `blindsight.demo.showing.strip.draw_strip` draws it."""
    table = Table(box=None, padding=(0, 2, 1, 0), header_style="dim")
    for head in ("the camera sees", "broker, bridge, Redis and workers see", "the key holder reads"):
        table.add_column(head, vertical="middle")
    for moment in moments:
        reading = Text.assemble((f"{moment.reading}\n", "bold"), (moment.note, "dim"))
        table.add_row(
            blocks(moment.picture, _COLUMNS), blocks(noise_picture(moment.ciphertext, _NOISE), _COLUMNS), reading
        )
    return table
