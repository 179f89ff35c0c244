"""The REST interface is what its OpenAPI document says; what is asked by that, and against it, breaks nothing."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from starlette.testclient import TestClient

from tests.unit.web.conftest import PASSWORD, QUICK
from tests.web_site import MemorySite
from web.access.access import Access
from web.api.document import document
from web.application import build_app

schemathesis = pytest.importorskip("schemathesis")
GenerationMode = schemathesis.GenerationMode

#: Requests of each kind: few, since there are as many runs as there are changes.
_EXAMPLES = 8


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    access = Access(tmp_path_factory.mktemp("web"), QUICK)
    access.accounts.add("keeper", PASSWORD, "keeper")
    return build_app(MemorySite(labels=90), access)


@pytest.fixture(scope="module")
def token(app: FastAPI) -> str:
    return str(app.state.access.tokens.make("keeper", "schemathesis", ["keep"])[1])


def operations(app: FastAPI) -> dict[str, Any]:
    """Every operation that has an end, by its name."""
    schema = schemathesis.openapi.from_dict(document(app))
    schema.app = app
    found = [result.ok() for result in schema.exclude(path="/api/v1/events").get_all_operations()]
    return {each.label: each for each in found}


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_every_answer_is_one_that_the_document_has(app: FastAPI, token: str, mode: Any) -> None:
    named = operations(app)
    assert len(named) > 20
    for operation in named.values():

        @settings(max_examples=_EXAMPLES, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            case.query.pop("cursor", None)  # which no document can say how to make
            case.call_and_validate(headers={"Authorization": f"Bearer {token}", "Host": "localhost"})

        try:
            ask()
        except Unsatisfiable:  # an operation without anything that can be wrong
            assert mode is GenerationMode.NEGATIVE


def test_the_document_says_who_may_ask_and_what_each_field_is(app: FastAPI) -> None:
    made = document(app)
    assert set(made["components"]["securitySchemes"]) == {"token", "session"}
    assert made["security"] == [{"token": []}, {"session": []}]
    public = {
        path for path, methods in made["paths"].items() for told in methods.values() if told.get("security") == []
    }
    assert public == {"/api/v1/session", "/api/v1/first"}
    for path, methods in made["paths"].items():
        for told in methods.values():
            assert told["summary"] and told["description"], path
            assert told["responses"]["404"]["content"].keys() == {"application/problem+json"}


def test_no_answer_has_a_field_for_scores_leads_or_secrets(app: FastAPI) -> None:
    schemas = document(app)["components"]["schemas"]
    fields = {name for schema in schemas.values() for name in schema.get("properties", {})}
    assert len(fields) > 100
    assert {name for name in fields if re.search("score|lead|secret_|private|passphrase|password", name)} == {
        "password"
    }
    asked = {name for name, schema in schemas.items() if "password" in schema.get("properties", {})}
    assert asked == {"Credentials", "FirstCredentials"}  # which are requests


def test_the_page_of_the_document_shows_each_request_and_loads_nothing(app: FastAPI, token: str) -> None:
    client = TestClient(app, "http://127.0.0.1:8443", headers={"Authorization": f"Bearer {token}"})
    text = client.get("/api/v1/docs").text
    for path in client.get("/api/v1/openapi.json").json()["paths"]:
        assert path in text
    assert not re.search("<(script|link|img|style|iframe)| style=| on[a-z]+=", text)
