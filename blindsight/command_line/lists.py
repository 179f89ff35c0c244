"""Lists as flags take them: labels, means, deviations."""

import math
from pathlib import Path

from common.errors import ConfigurationError


def read_labels(listed: str | None) -> list[str] | None:
    """Labels from a file with one a line, or from text with commas between. Raises `ConfigurationError`."""
    if listed is None:
        return None
    try:
        is_file = Path(listed).is_file()
        texts = Path(listed).read_text(encoding="utf-8-sig").splitlines() if is_file else listed.split(",")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"labels is {listed}, which can't be read: {error}; write one label a line") from error
    labels = [text.strip() for text in texts]
    while is_file and labels and not labels[-1]:
        labels.pop()
    if not labels or not all(labels):
        raise ConfigurationError(f"labels is {listed!r}, with one that is empty; give labels as A,B or one a line")
    return labels


def read_numbers(name: str, texts: str) -> list[float]:
    """Numbers or fractions with commas between. Raises `ConfigurationError`."""
    try:
        return [_number(text) for text in texts.split(",")]
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigurationError(
            f"{name} is {texts[:200]!r}; give numbers with commas between, like 0.49,0.48,0.45"
        ) from error


def _number(text: str) -> float:
    # Fraction would compute the power of ten in 1e999999999.
    over, _, under = text.partition("/")
    number = float(over) / (float(under) if under else 1.0)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number
