"""Facts for people: a name and a value a line, with rounded figures and their units, and nothing that says nothing."""

from collections.abc import Mapping

import typer
from rich.table import Table

#: Characters of a name's column.
_NAMES = 22


def print_facts(facts: Mapping[str, str | None]) -> None:
    """Print lines on standard output; a fact that is None is left out."""
    for name, value in facts.items():
        if value is not None:
            typer.echo(f"{name:{_NAMES}} {value}")


def facts_table(title: str, facts: Mapping[str, str | None]) -> Table:
    """The same as a table, for a report."""
    table = Table(show_header=False, title=title)
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, value)
    return table


def in_bytes(number: int) -> str:
    """A size, such as 319,504 bytes."""
    return f"{number:,} bytes"


def modulus(prime_bits: tuple[int, ...]) -> str:
    """The bits of a modulus chain and of its primes."""
    return f"{sum(prime_bits)} bits: {' + '.join(map(str, prime_bits))}"
