"""Text from outside as cells of CSV files, which people open with spreadsheet programs."""

#: The characters that begin a formula in a spreadsheet program, even in quotes. An apostrophe before it makes it text.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> object:
    """A value as `csv` writes it, so that no spreadsheet program takes a text for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
