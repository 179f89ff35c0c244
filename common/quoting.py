"""Text from outside, made fit for our own sentences: what a stranger sends has any length and any characters."""

#: Characters of a text from outside that are shown.
_MOST_CHARACTERS = 200


def shown(text: object, most: int = _MOST_CHARACTERS) -> str:
    """A text, or the message of an error, cut to `most` characters; those that a terminal would obey are escaped."""
    whole = str(text)
    escaped = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in whole[:most])
    if len(whole) <= most and len(escaped) <= most:
        return escaped
    return f"{escaped[:most]}… ({len(whole):,} characters)"


def as_utf8(text: str) -> str:
    """A text that UTF-8 can hold: what it can't, as in the names of files that aren't UTF-8, is escaped."""
    return text.encode(errors="backslashreplace").decode()
