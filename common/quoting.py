"""Text from outside in our own sentences: what a stranger sent may be of any length and hold any character."""

#: Characters that are shown of a text from outside.
_SHOWN = 200


def shown(text: object, most: int = _SHOWN) -> str:
    """The text, or what an error says, cut to so many characters, and with none that a terminal would obey."""
    whole = str(text)
    escaped = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in whole[:most])
    if len(whole) <= most and len(escaped) <= most:
        return escaped
    return f"{escaped[:most]}… ({len(whole):,} characters)"
