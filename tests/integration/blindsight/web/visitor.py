"""Somebody who opens the address that a service has printed, and makes the first account."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "correct horse battery staple"
#: The address of a first start, in a log.
_FIRST = re.compile(r"(https?://[\w.:\[\]]+)/first#([\w-]+)")


class Visitor:
    """A client with a session."""

    def __init__(self, log: Path, alive: Callable[[], bool]) -> None:
        """Wait until `log` has the address, and log in. Fails with the log once the service isn't `alive`."""
        deadline = time.monotonic() + 120
        while not (found := _FIRST.search(log.read_text(errors="replace"))):
            assert alive() and time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.1)
        self.client = httpx.Client(base_url=found[1], timeout=60)
        account = {"token": found[2], "name": "keeper", "password": PASSWORD}
        self.csrf = self.client.post("/api/v1/first", json=account).raise_for_status().json()["csrf"]

    def get(self, path: str, **query: str | int) -> Any:
        """What the REST interface answers."""
        return self.client.get(f"/api/v1/{path}", params=query).raise_for_status().json()

    def post(self, path: str, body: object) -> Any:
        """The same of a change."""
        answer = self.client.post(f"/api/v1/{path}", json=body, headers={"X-CSRF-Token": self.csrf})
        return answer.raise_for_status().json()

    def changes(self, number: int) -> list[str]:
        """The versions that the next events tell."""
        found: list[str] = []
        with self.client.stream("GET", "/api/v1/events") as answer:
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    found.append(line.removeprefix("id: "))
                if len(found) == number:
                    break
        return found

    def close(self) -> None:
        """Leave."""
        self.client.close()
