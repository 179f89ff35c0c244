"""The page import.md: what an import makes of each operator of ONNX, in each form, found by importing it.

`python -m docs.import_page` writes it anew; a test compares. What other software takes is in import_peers.toml.
"""

import textwrap
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.operator_cases import FILES, OPERATORS
from tests.operator_cases.case import ANY, Case, Kind, Outcome, outcome

PAGE = Path(__file__).parent / "import.md"
PEERS = Path(__file__).parent / "import_peers.toml"

#: Columns of a line of prose.
_WIDTH = 120
#: What stands for an operator that a list doesn't have.
_NOT_LISTED = "not listed"

_BEGINNING = """
`blindsight model import` reads ONNX ([how a file is made](models.md#from-pytorch-keras-and-scikit-learn)). This page
says what becomes of each operator. `python -m docs.import_page` made it, by importing each form below, a graph of a few
nodes, and comparing the scores on random frames with those of onnxruntime. The graphs are in `tests/operator_cases/`,
and a test fails where the page says something else than the import does.
"""
_KINDS = {
    Kind.EXACT: (
        "What is exact",
        """
Scores are those of onnxruntime within 1e-4 of the largest one. Where nothing nonlinear stands between them, such
operators become one matrix when a plan is compiled; a product of two values costs one more multiplication of
ciphertexts on the way through the network.
""",
    ),
    Kind.FITTED: (
        "What is fitted",
        """
A ciphertext can only be added and multiplied, so a polynomial takes the place of any other function. It is fitted on
the calibration frames, and the import says what that costs in accuracy. Each is one more multiplication of ciphertexts
on the way through the network, two with `--degree 4`, and none where `--linearise` makes a line of it.
""",
    ),
    Kind.DROPPED: (
        "What is dropped behind the scores",
        """
The label is the largest score's. What can't change which one that is, is left out where it comes last, and so costs
nothing. In the middle of a network, and with `--output values`, it is fitted or refused, as the other tables say.
""",
    ),
    Kind.REFUSED: (
        "What is refused, and what to do instead",
        """
The message names the node, and goes on as it stands here.
""",
    ),
}
_FILES = """
Versions of the operator set, element types and inputs, with operators that are exact.
"""
_OTHERS = """
What other software lists in its documentation, as of the version named, for each operator that somebody takes. A list
says that an operator is taken in some form, not in which, nor that it is exact; and what a list leaves out may be taken
all the same. Read it as a first answer.
"""


@dataclass(frozen=True)
class Peer:
    """Other software: what its documentation lists, by operator, and what it lists besides."""

    name: str
    version: str
    page: str
    note: str
    other: tuple[str, ...]
    operators: dict[str, str]


def peers() -> list[Peer]:
    """The lists of import_peers.toml."""
    tables = tomllib.loads(PEERS.read_text(encoding="utf-8"))["library"]
    return [Peer(**{**table, "other": tuple(table["other"])}) for table in tables]


def page() -> str:
    """The whole page, which takes a few seconds."""
    found = [(case, outcome(case)) for case in OPERATORS]
    counts = ", ".join(f"{sum(result.kind is kind for _, result in found)} are {kind.value}" for kind in Kind)
    operators = len({case.operator for case in OPERATORS})
    parts = [
        "# What import takes",
        f"{_prose(_BEGINNING)}\n{_prose(f'Of {len(found)} forms of {operators} operators {counts}.')}",
    ]
    for kind, (heading, text) in _KINDS.items():
        made = [(case, result) for case, result in found if result.kind is kind]
        table = _refusals(made) if kind is Kind.REFUSED else _forms(made)
        parts += [f"## {heading}", _prose(text), table]
    parts += ["## Files", _prose(_FILES), _files()]
    parts += ["## Next to other software", _prose(_OTHERS), *_sources(), _comparison(found)]
    return "\n\n".join(parts) + "\n"


def _forms(found: Iterable[tuple[Case, Outcome]]) -> str:
    rows = [(_code(operator), _joined(cases)) for operator, cases in _by_operator(found)]
    return _table(("operator", "forms"), rows)


def _refusals(found: Sequence[tuple[Case, Outcome]]) -> str:
    """A row for each sentence; then what is refused with no more to say than its name."""
    said: dict[str, list[Case]] = {}
    for case, result in sorted(found, key=_operator):
        said.setdefault(result.sentence, []).append(case)
    unsaid = said.pop("", [])
    table = _table(
        ("operator", "what the import says"), [(_named(cases), sentence) for sentence, cases in said.items()]
    )
    return f"{table}\n\n{_prose(f'There is no more to say than the name for {_named(unsaid)}.')}" if unsaid else table


def _named(cases: Sequence[Case]) -> str:
    """Operators, and their forms where they have some."""
    names = []
    for operator, forms in groupby(cases, key=lambda case: case.operator):
        told = "; ".join(case.form for case in forms)
        names.append(_code(operator) if told == ANY else f"{_code(operator)} ({told})")
    return ", ".join(names)


def _files() -> str:
    rows: list[tuple[str, str, str]] = []
    for (what, result), cases in groupby(FILES, key=lambda case: (case.operator, outcome(case))):
        said = f"{result.kind.value}: {result.sentence}" if result.sentence else result.kind.value
        rows.append((what, _joined(list(cases)), said))
    return _table(("", "forms", "outcome"), rows)


def _sources() -> Iterable[str]:
    for peer in peers():
        other = f" Not ONNX's own, and listed there: {', '.join(map(_code, peer.other))}." if peer.other else ""
        yield _prose(f"*{peer.name}* {peer.version}, from [its documentation]({peer.page}). {peer.note}{other}")


def _comparison(found: Iterable[tuple[Case, Outcome]]) -> str:
    listed = peers()
    rows = []
    for operator, results in groupby(sorted(found, key=_operator), key=_operator):
        kinds = {result.kind for _, result in results}
        theirs = [peer.operators.get(operator, _NOT_LISTED) for peer in listed]
        if kinds != {Kind.REFUSED} or set(theirs) != {_NOT_LISTED}:
            ours = ", ".join(kind.value for kind in Kind if kind in kinds)
            rows.append((_code(operator), ours, *theirs))
    return _table(("operator", "Blindsight", *(peer.name for peer in listed)), rows)


def _operator(pair: tuple[Case, Outcome]) -> str:
    return pair[0].operator


def _by_operator(found: Iterable[tuple[Case, Outcome]]) -> list[tuple[str, list[Case]]]:
    return [(name, [case for case, _ in pairs]) for name, pairs in groupby(sorted(found, key=_operator), key=_operator)]


def _joined(cases: Sequence[Case]) -> str:
    return "; ".join(case.form for case in cases)


def _code(text: str) -> str:
    return f"`{text}`"


def _prose(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
