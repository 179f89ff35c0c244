"""A reading: what a meter shows, as it is recorded, shown and published."""

from typing import Literal

import msgspec

from common.structs import learn

#: How a reading came about: as labelled; with labels put right; not, since nobody can be sure; lower than the last one.
State = Literal["good", "corrected", "uncertain", "reset"]
#: The probabilities that are told: a finer number would reveal bits of scores that were decrypted.
LEVELS = (0.999, 0.99, 0.9, 0.5)


class Reading(msgspec.Struct, frozen=True, tag_field="kind", tag="reading"):
    """What one picture of a meter says, given all earlier ones.

    `value` is a decimal number without leading zeros, such as "1234.5", with the decimals of its specification; it is
    None while the state is `uncertain`, and never lower than the one before unless the state is `reset`. `probability`
    is a lower bound of how sure it is that the value is within one unit of the last wheel: one of `LEVELS`; 0 without a
    value.
    `captured_at` is in seconds since the epoch; None where the time is unknown. `why` explains every state but `good`.
    """

    device: str
    name: str
    job: str
    captured_at: float | None
    state: State
    value: str | None
    unit: str
    probability: float
    why: str = ""


learn(Reading)


def shown_fields(reading: Reading) -> dict[str, object]:
    """The fields of a reading that a line of a log has: those that say something."""
    return {name: value for name, value in msgspec.structs.asdict(reading).items() if value not in (None, "")}


def coarse(probability: float) -> float:
    """The largest of `LEVELS` that isn't above a probability; 0 below all of them."""
    return next((level for level in LEVELS if probability >= level), 0.0)


def decimal_text(count: int, decimals: int) -> str:
    """A count of the last wheel's units as a decimal number: 12345 with one decimal is "1234.5"."""
    if not decimals:
        return str(count)
    whole, part = divmod(count, 10**decimals)
    return f"{whole}.{part:0{decimals}d}"
