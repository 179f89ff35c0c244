"""What is published: labels and readings as JSON. Scores, and the leads made of them, are published to nobody."""

from urllib.parse import quote

import msgspec

from common.errors import WireError
from common.readings.reading import Reading
from common.structs import learn


class FrameLabel(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="label"):
    """A frame's label. `lead` stays with the key holder: it is made of scores, and those are published to nobody.

    Times are in seconds since the epoch. `captured_at` is by the device's clock; None where its device didn't tell.
    `source` is the name of the picture, and of its region; only a device that holds its own keys knows it. `region` is
    the name of the region alone; both are empty where they aren't known. `group` is the name of the label's group,
    and empty where it is in none.
    """

    device: str
    job: str
    counter: int
    label: str
    received_at: float
    recorded_at: float
    lead: float | None = None
    captured_at: float | None = None
    source: str = ""
    region: str = ""
    group: str = ""


#: What is published.
Event = FrameLabel | Reading

learn(Event)
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def plain(event: Event) -> bytes:
    """An event as JSON, without what nobody else may have."""
    return whole(msgspec.structs.replace(event, lead=None) if isinstance(event, FrameLabel) else event)


def whole(event: Event) -> bytes:
    """An event as JSON, with a label's lead: for the program that holds the key itself."""
    return msgspec.json.encode(event)


def decode_event(body: bytes) -> Event:
    """The event in JSON that `plain` or `whole` gave. Raises `WireError` for anything else."""
    try:
        return _decoder.decode(body)
    except (ValueError, RecursionError) as error:  # msgspec's, or a text that is no UTF-8
        raise WireError(f"an event that waits to be published can't be read: {error}") from error


def event_id(event: Event) -> str:
    """The same ASCII text for the same event, whenever it is sent, and another one for every other event."""
    if isinstance(event, FrameLabel):
        parts = ("label", event.device, event.job, str(event.counter))
    else:
        parts = ("reading", event.device, event.name, event.job)
    return "/".join(quote(part, safe="") for part in parts)
