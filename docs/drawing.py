"""SVG as text, in the colours and sizes of the figures; and words that several figures use."""

import math
from xml.sax.saxutils import escape

from common.plan.plan import Plan

WIDTH = 900
INK, MUTED, LINE = "#24292f", "#59616b", "#c9cdd2"
CARD, PALE, UNUSED = "#fbfbfa", "#eceef0", "#dde4ee"
BLUE, ORANGE, GREEN, GREY = "#3b6fb6", "#d9822b", "#4a9a6a", "#8a929c"


class Drawing:
    """Shapes on a card that is legible on light and on dark pages."""

    def __init__(self, height: int, title: str) -> None:
        self._height = height
        self._shapes = [f"<title>{escape(title)}</title>"]
        self.rect(0.5, 0.5, WIDTH - 1, height - 1, CARD, stroke=LINE, radius=6)

    def rect(
        self, x: float, y: float, width: float, height: float, fill: str, stroke: str = "none", radius: float = 0
    ) -> None:
        """A rectangle by its upper left corner."""
        self._shapes.append(
            f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="1.5" rx="{number(radius)}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = MUTED, width: float = 1) -> None:
        """A straight line."""
        self._shapes.append(
            f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" '
            f'stroke="{stroke}" stroke-width="{number(width)}"/>'
        )

    def path(self, commands: str, fill: str) -> None:
        """A filled path."""
        self._shapes.append(f'<path d="{commands}" fill="{fill}" shape-rendering="crispEdges"/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: int = 13,
        fill: str = INK,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """One line of text; y is its baseline."""
        weight = ' font-weight="600"' if bold else ""
        self._shapes.append(
            f'<text x="{number(x)}" y="{number(y)}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
            f"{weight}>{escape(text)}</text>"
        )

    def heading(self, y: float, text: str) -> None:
        """The heading of a part of the figure."""
        self.text(24, y, text, size=15, bold=True)

    def cell(self, x: float, y: float, size: float, text: str, fill: str) -> None:
        """A square with a few characters in its middle."""
        self.rect(x, y, size, size, fill, stroke=CARD)
        self.text(x + size / 2, y + size / 2 + 4.5, text, size=12, anchor="middle")

    def svg(self) -> str:
        """The SVG file."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" width="{WIDTH}" '
            f'height="{self._height}" role="img" font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif">\n'
            + "\n".join(self._shapes)
            + "\n</svg>\n"
        )


def pitch_of(plan: Plan) -> int:
    """The length of the first stage's blocks: all its steps are multiples of it."""
    return math.gcd(*plan.stages[0].terms[:, [1, 4]].reshape(-1).tolist())


def plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def number(value: float) -> str:
    """At most two decimals, none where they are zero."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
