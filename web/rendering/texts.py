"""Numbers, sizes, times and labels as texts and as HTML. What isn't known is a dash."""

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from markupsafe import Markup

from web.site import FrameStory

#: What stands for what isn't known.
UNKNOWN = "–"
_SIZES = ("bytes", "kB", "MB", "GB", "TB")
#: Units of durations, and how many seconds they have.
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def number(value: float | None) -> str:
    """12,345; of other numbers three digits that count."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def size(value: int | None) -> str:
    """Bytes: 59.4 kB."""
    if value is None:
        return UNKNOWN
    if value == 1:
        return "1 byte"
    amount, unit = float(value), _SIZES[0]
    for unit in _SIZES:
        if amount < 1000 or unit == _SIZES[-1]:
            break
        amount /= 1000
    return f"{amount:,.0f} {unit}" if unit == _SIZES[0] else f"{amount:,.1f} {unit}"


def percent(value: float | None) -> str:
    """Of 1: 98.8 %."""
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def duration(seconds: float | None) -> str:
    """The largest unit that fits: 42 s, 3 min, 7 h, 12 d."""
    if seconds is None:
        return UNKNOWN
    seconds = max(0.0, seconds)
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def moment(at: float | None, show: str = "clock") -> Markup | str:
    """A time: a clock's in the browser's zone, or (`ago`) an age; UTC where scripts don't run."""
    when = _instant(at)
    if when is None:
        return UNKNOWN
    exact = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = f"{when:%d %b %Y %H:%M:%S} UTC"
    return Markup('<time datetime="{}" data-show="{}" title="{}">{}</time>').format(exact, show, exact, text)


def iso(at: float | None) -> str:
    """A time as the address of a page has it, and its fields; empty where there is none."""
    when = _instant(at)
    return "" if when is None else when.isoformat(timespec="seconds").replace("+00:00", "Z")


def _instant(at: float | None) -> datetime | None:
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at, UTC)
    except (OverflowError, OSError, ValueError):  # a device's clock may say anything
        return None


def short(digest: str) -> str:
    """The beginning of a hash or job id, which its title has in full."""
    return f"{digest[:12]}…" if len(digest) > 13 else digest


def plural(count: int | None, one: str, many: str | None = None) -> str:
    """1 device, 2 devices."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def address(path: str, **parameters: object) -> str:
    """A path with a query; parameters that are None or empty are left out."""
    given = {name.rstrip("_"): str(value) for name, value in parameters.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def device_page(device: str, **parameters: object) -> str:
    """The address of a device's page. Its name is in the query, where no name can break the path."""
    return address("/device", name=device, **parameters)


def story_picture(story: FrameStory, party: str) -> str:
    """The address of the picture of what a party holds."""
    return address(f"/api/v1/devices/{quote(story.device, safe='')}/story/{party}.png", job=story.job)
