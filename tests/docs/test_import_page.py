"""The page of what import takes is what the import does, and has every operator that other software lists."""

import pytest

from docs import import_page
from tests.onnx_graphs import reference
from tests.operator_cases import FILES, OPERATORS, case
from tests.operator_cases.case import Case, Kind, WrongError, outcome

PAGE = import_page.PAGE.read_text(encoding="utf-8")


def test_the_page_is_up_to_date() -> None:
    assert import_page.page() == PAGE, "run: python -m docs.import_page"


@pytest.mark.parametrize("made", [*OPERATORS, *FILES], ids=str)
def test_whatever_is_imported_gives_the_scores_of_onnxruntime_or_their_order(made: Case) -> None:
    assert outcome(made).kind in Kind  # or `WrongError`


def test_a_form_is_listed_once() -> None:
    named = [str(made) for made in [*OPERATORS, *FILES]]
    assert len(set(named)) == len(named)


def test_a_case_shows_the_operator_that_it_says() -> None:
    for made in OPERATORS:
        assert "in parts" in made.form or made.operator in {part.op_type for part in made.nodes}, str(made)


@pytest.mark.parametrize("peer", import_page.peers(), ids=lambda peer: peer.name)
def test_every_operator_that_other_software_lists_is_on_the_page(peer: import_page.Peer) -> None:
    assert peer.operators and peer.page.startswith("https://") and peer.version in PAGE
    assert set(peer.operators) <= {made.operator for made in OPERATORS}


def test_a_wrong_import_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case, "reference", lambda *given: -reference(*given))
    with pytest.raises(WrongError, match=r"^Neg: wrong"):
        outcome(case.one("Neg", "wrong"))


def test_a_refusal_is_told_without_names_of_nodes_and_files() -> None:
    told = outcome(case.one("Transpose", "the batch again", with_={"perm": [1, 0, 2, 3]}))
    assert told.kind is Kind.REFUSED
    assert told.sentence and "Transpose_h" not in told.sentence and "net.onnx" not in told.sentence
