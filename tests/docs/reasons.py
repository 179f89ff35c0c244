"""Why a block of the documentation isn't run: a closed list."""

import re

from tests.docs.blocks import ROOT

#: Reasons that stand for themselves; after a semicolon a block may say more.
REASONS = ("needs Docker", "needs PyTorch", "needs the network", "takes minutes")
#: Pages whose blocks build on names that only another test gives them.
PAGES_RUN_BY = {
    "docs/python.md": "run by tests/integration/blindsight/test_python_page.py",
    "docs/web-api.md": "run by tests/docs/test_web_api_page.py",
}
_RUN_BY = re.compile(r"run by (tests/\S+\.py)")


def problem(reason: str) -> str | None:
    """What is wrong with a reason; None where it is on the list, and the test that it names exists."""
    test = _RUN_BY.fullmatch(reason)
    if test:
        return None if (ROOT / test.group(1)).is_file() else f"{test.group(1)} doesn't exist"
    if reason.partition(";")[0] in REASONS:
        return None
    return f"{reason!r} is none of: run by tests/…, {', '.join(REASONS)}"
