"""Figures that follow from the plans that ship: whatever page quotes one has the number that is computed."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from common.keys.evaluation_keys import EvaluationKeysHeader, keys_size
from common.plan.costs import shipped_costs
from common.plan.plan import Plan
from common.plan.plan_file import load_plan
from common.plan.predictions import download_bytes, least_upload_bytes, plan_ms, upload_bytes, weight_bytes
from models.catalogue import plan_path
from tests.docs.blocks import ROOT
from tests.plans import digits, small_digits

#: Bytes of Redis's and of the outbox's bounds that the pages divide by.
_OUTBOX = 512_000_000


@dataclass(frozen=True)
class Figures:
    """What a plan costs."""

    plan: Plan

    @property
    def up(self) -> int:
        """Bytes of a burst's ciphertexts."""
        return upload_bytes(self.plan.head)

    @property
    def seeded_up(self) -> int:
        """Bytes of a burst's ciphertexts with seeds."""
        return upload_bytes(self.plan.head, seeded=True)

    @property
    def least_up(self) -> int:
        """Bytes of a burst's ciphertexts in the smallest form."""
        return least_upload_bytes(self.plan.head)

    @property
    def seeded_keys(self) -> int:
        """Bytes of the evaluation keys with seeds, with that which unfolds."""
        return EvaluationKeysHeader.for_plan(self.plan.head, "", seeded=True).size

    @property
    def down(self) -> int:
        """Bytes of its encrypted scores."""
        return download_bytes(self.plan.head)

    @property
    def rounded(self) -> int:
        """Bytes of its encrypted scores, rounded."""
        return download_bytes(self.plan.head, rounded=True)

    @property
    def keys(self) -> int:
        """Bytes of the evaluation keys."""
        return keys_size(self.plan.head)


@cache
def shipped(name: str) -> Figures:
    return Figures(load_plan(plan_path(name, 128)))


def predicted(plan: Plan) -> float:
    """The time in ms by the native engine's times that ship, whatever this machine has measured."""
    return plan_ms(plan, shipped_costs())


def kb(size: int) -> str:
    return f"{size / 1e3:,.0f} KB"


def mb(size: float, places: int = 1) -> str:
    return f"{size / 1e6:,.{places}f} MB"


Sentence = Callable[[Figures, Figures], str]

#: Page, and a sentence of it with its figures computed from `digits` and `scenes` at 128 bits.
QUOTED: list[tuple[str, Sentence]] = [
    ("README.md", lambda d, s: f"compiler predicts it | {predicted(d.plan):.0f} ms | {predicted(s.plan):.0f} ms |"),
    ("README.md", lambda d, s: f"| {kb(d.least_up)}, {kb(d.rounded)} | {mb(s.least_up)}, {kb(s.rounded)} |"),
    ("README.md", lambda d, s: f"evaluation keys, sent once | {mb(d.seeded_keys)} | {mb(s.seeded_keys, 0)} |"),
    ("docs/models.md", lambda d, s: f"by the compiler | {predicted(d.plan):.0f} ms | {predicted(s.plan):.0f} ms |"),
    (
        "docs/models.md",
        lambda d, s: f"label down | {kb(d.least_up)}, {kb(d.rounded)} | {mb(s.least_up)}, {kb(s.rounded)} |",
    ),
    ("docs/models.md", lambda d, s: f"holds the keys | {kb(d.up)}, {kb(d.down)} | {mb(s.up)}, {kb(s.down)} |"),
    ("docs/models.md", lambda d, s: f"evaluation keys, sent once | {mb(d.seeded_keys)} | {mb(s.seeded_keys, 0)} |"),
    ("docs/models.md", lambda d, s: f"as long as {d.plan.rotations} rotations"),
    ("docs/operator.md", lambda d, s: f"about {_OUTBOX / d.up // 100 * 100:,.0f} frames of `digits` at {kb(d.up)}"),
    ("docs/operator.md", lambda d, s: f"the keys of all devices ({mb(d.seeded_keys, 0)} each for `digits`"),
    ("docs/operator.md", lambda d, s: f"(60 s: {kb(d.down)} × labels a second × 60)"),
    ("docs/operator.md", lambda d, s: f"one frame in a ciphertext ({d.up:,} bytes)"),
    ("docs/concepts.md", lambda d, s: f"without the unread parts {mb(d.keys)}. A frame takes {kb(d.up)} up (three"),
    ("docs/concepts.md", lambda d, s: f"of `digits` take {kb(d.rounded)} instead of {kb(d.down)}"),
    ("docs/concepts.md", lambda d, s: f"own keys sends {kb(d.seeded_up)} a frame and {mb(d.seeded_keys)} of keys"),
    (
        "docs/concepts.md",
        lambda d, s: (
            f"| 1 | {d.plan.rotations} | {predicted(d.plan):.1f} | {d.up / 1e3:.0f} "
            f"| {weight_bytes(d.plan) / 1e6:.0f} |"
        ),
    ),
    ("models/digits/README.md", lambda d, s: f"| up | {d.up:,} bytes |"),
    ("models/digits/README.md", lambda d, s: f"| up, with seeds | {d.seeded_up:,} bytes |"),
    ("models/digits/README.md", lambda d, s: f"| up, folded | {d.least_up:,} bytes |"),
    ("docs/concepts.md", lambda d, s: f"`digits` then takes {kb(d.least_up)} up"),
    ("models/digits/README.md", lambda d, s: f"| evaluation keys, with seeds | {mb(d.seeded_keys)} |"),
    ("models/digits/README.md", lambda d, s: f"| down | {d.down:,} bytes |"),
    ("models/digits/README.md", lambda d, s: f"| down, rounded | {d.rounded:,} bytes |"),
    ("models/digits/README.md", lambda d, s: f"| evaluation keys, once | {mb(d.keys)} |"),
    (
        "models/digits/README.md",
        lambda d, s: (
            f"{' + '.join(map(str, d.plan.head.parameters.prime_bits))} bits, {d.plan.rotations} rotations, "
            f"{len(d.plan.head.rotations) + 1} evaluation keys"
        ),
    ),
    ("models/digits/README.md", lambda d, s: f"and {d.plan.head.error_bound:.3f} is the bound"),
    ("models/scenes/README.md", lambda d, s: f"(predicted {predicted(s.plan):.0f} ms)"),
    ("models/scenes/README.md", lambda d, s: f"with seeds | {mb(s.keys, 0)}; {mb(s.seeded_keys, 0)} |"),
    ("models/scenes/README.md", lambda d, s: f"with seeds | {s.up:,} bytes; {s.seeded_up:,} bytes |"),
    ("models/scenes/README.md", lambda d, s: f"| down; rounded | {s.down:,} bytes; {s.rounded:,} bytes |"),
    ("models/scenes/README.md", lambda d, s: f"processes of a worker share | {weight_bytes(s.plan) / 1e9:.1f} GB |"),
    ("models/scenes/README.md", lambda d, s: f"and {s.plan.head.error_bound:.3f} is the bound"),
]


@cache
def one_line(page: str) -> str:
    """A page without its line breaks, so that a sentence may be wrapped."""
    return " ".join((ROOT / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(("page", "sentence"), QUOTED)
def test_a_page_quotes_what_the_plans_cost(page: str, sentence: Sentence) -> None:
    assert sentence(shipped("digits"), shipped("scenes")) in one_line(page)


@pytest.mark.slow
def test_the_pages_quote_what_sealing_costs() -> None:
    sealed = Figures(digits(sealed=True))
    ms, file = f"{predicted(sealed.plan):.0f} ms", 2 * weight_bytes(sealed.plan)  # two polynomials each
    assert f"with encrypted weights, as predicted | {ms}, {kb(sealed.up)} up" in one_line("README.md")
    times = predicted(sealed.plan) / predicted(shipped("digits").plan)
    page = one_line("docs/models.md")
    assert f"{ms} predicted, {times:.1f} times" in page
    assert f"keys {mb(sealed.keys)}, model {mb(file, 0)}" in page
    card = one_line("models/digits/README.md")
    assert f"keys {mb(sealed.keys)}, up {sealed.up:,} bytes, the sealed model {mb(file)}" in card
    assert f"and {sealed.plan.head.error_bound:.3f} the bound" in card


@pytest.mark.slow
def test_the_pages_quote_the_keys_of_a_small_plan() -> None:
    fast, small = shipped("digits"), Figures(small_digits())
    few, many = (len(one.plan.head.rotations) + 1 for one in (small, fast))
    saved = f"{few} keys of {mb(small.keys)} instead of {many} of {mb(fast.keys)}"
    rotations = f"{small.plan.rotations} rotations instead of {fast.plan.rotations}"
    assert f"{saved}, for {rotations}" in one_line("docs/models.md")
    assert saved in one_line("CHANGELOG.md")
    assert f"with the relinearisation key {few} keys instead of {many}" in one_line("docs/concepts.md")


@pytest.mark.slow
def test_concepts_quotes_what_four_frames_in_a_ciphertext_cost() -> None:
    four = Figures(digits(4))
    row = (
        f"| 4 | {four.plan.rotations} | {predicted(four.plan) / 4:.1f} | {four.up / 4e3:.0f} | "
        f"{weight_bytes(four.plan) / 1e6:.0f} |"
    )
    assert row in one_line("docs/concepts.md")


def test_the_readme_quotes_the_comparison_with_other_libraries() -> None:
    ratios = re.findall(r"\*\*([\d.]+)×\*\*", one_line("benchmarks/results/peers.md"))
    tenseal, orion = (float(ratio) for ratio in ratios)
    assert f"{tenseal:.0f} times as fast as TenSEAL and {orion:g} times as fast as Orion" in one_line("README.md")


def test_what_a_full_ciphertext_costs_is_the_same_on_all_pages() -> None:
    found = re.search(r"\| (4096) \| 0 \| [\d.]+ \| (\d+) \| ([\d,]+) \|", one_line("docs/concepts.md"))
    assert found is not None
    frames, kilobytes, megabytes = (int(each.replace(",", "")) for each in found.groups())
    (burst,) = re.findall(r"the burst has (\d+) MB and the weights take (\d+) GB", one_line("docs/models.md"))
    assert abs(int(burst[0]) - frames * kilobytes / 1e3) <= frames / 2e3
    assert int(burst[1]) == round(megabytes / 1e3)
