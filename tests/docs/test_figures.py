"""The figures in the repository are those of the plan that ships, and the text quotes its numbers."""

import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from common.ckks.ciphertext import ciphertext_size
from common.ckks.parameters import max_modulus_bits
from common.keys.evaluation_keys import EvaluationKeysHeader, memory_size
from common.plan.plan import Plan
from common.plan.plan_file import load_plan
from common.plan.sealed import ciphertext_count
from docs import figures
from models.catalogue import plan_path
from models.plans import get_plan

NAMES = ["layout.svg", "diagonals.svg", "chain.svg", "cost.svg"]
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
# In one line, so that a quotation may be wrapped.
CONCEPTS = " ".join((figures.FOLDER.parent / "concepts.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(plan_path("digits", 128))


@pytest.fixture(scope="module")
def sealed() -> Plan:
    """The plan that is quoted."""
    return get_plan("digits", 128, sealed=True)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("figures")
    figures.write(folder)
    return folder


def test_concepts_shows_every_figure() -> None:
    assert sorted(re.findall(r"\(figures/(\S+\.svg)\)", CONCEPTS)) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_figure_is_up_to_date(written: Path, name: str) -> None:
    drawn, stored = (folder / name for folder in (written, figures.FOLDER))
    assert drawn.read_bytes() == stored.read_bytes(), "run: python -m docs.figures"


@pytest.mark.parametrize("name", NAMES)
def test_figure_is_legible(name: str) -> None:
    root = ElementTree.parse(figures.FOLDER / name).getroot()
    texts = root.findall(".//{http://www.w3.org/2000/svg}text")
    assert texts
    assert all(int(text.attrib["font-size"]) >= 12 for text in texts)


def test_concepts_quotes_the_keys_of_the_plan(plan: Plan) -> None:
    head = plan.head
    parameters = head.parameters
    sent = EvaluationKeysHeader("", parameters, head.relinearisation_level, head.rotations)
    whole = EvaluationKeysHeader("", parameters, parameters.levels, dict.fromkeys(head.rotations, parameters.levels))
    for header_size in (memory_size(sent), whole.size, sent.size):
        assert f"{header_size / 1e6:.1f} MB" in CONCEPTS
    low = sum(level == 1 for level in head.rotations.values())
    assert f"{plan.rotations} rotations with {len(head.rotations)} different steps" in CONCEPTS
    assert f"{low} of the {len(head.rotations)} steps" in CONCEPTS


def test_concepts_quotes_the_operations_of_the_plan(plan: Plan) -> None:
    products = sum(len(stage.terms) for stage in plan.stages)
    squares = sum(stage.targets for stage in plan.stages if stage.square)
    assert f"{products} products, {plan.rotations} rotations and {squares} relinearisations" in CONCEPTS


def test_concepts_quotes_the_chain_of_the_plan(plan: Plan) -> None:
    parameters = plan.head.parameters
    bound = max_modulus_bits(128, parameters.ring_dimension)
    assert f"At N = {parameters.ring_dimension} and 128-bit security it is {bound} bits" in CONCEPTS
    assert f"`digits` uses {parameters.modulus_bits} of {bound} bits" in CONCEPTS
    for level in (parameters.levels, 0):
        size = ciphertext_size(parameters, level)
        assert f"{size / 1000:.0f} KB" in CONCEPTS
    assert f"{parameters.ring_dimension // 6} / {_power(plan.head.input_scale)}" in CONCEPTS


def test_concepts_quotes_the_error_of_the_plan(plan: Plan) -> None:
    bound, largest = f"{plan.head.error_bound:.3f}", f"{plan.head.output_factor:.2f}"
    assert f"`error_bound`: {bound} for `digits`, whose largest score is {largest}" in CONCEPTS
    assert plan.head.error_bound / plan.head.output_factor <= 1 / 64


@pytest.mark.slow
def test_concepts_quotes_the_operations_of_the_sealed_plan(plan: Plan, sealed: Plan) -> None:
    sums = [len({(target, giant) for target, giant in stage.terms[:, :2].tolist()}) for stage in sealed.stages]
    products, squares = sum(len(stage.terms) for stage in sealed.stages), sum(stage.square for stage in sealed.stages)
    assert (
        f"{sum(sums)} relinearisations for {products} products: one for each of the {sums[0]} and {sums[1]}" in CONCEPTS
    )
    assert (sums[2], squares) == (1, 2)
    switches = sealed.rotations + sum(sums) + squares
    plain = plan.rotations + sum(stage.targets for stage in plan.stages if stage.square)
    assert f"{sealed.rotations} rotations come on top, so {switches} key switches do what {plain} do" in CONCEPTS
    assert f"{ciphertext_count(sealed)} ciphertexts, {products} vectors and {len(sealed.stages)} biases" in CONCEPTS


@pytest.mark.slow
def test_concepts_quotes_the_scales_of_the_sealed_plan(plan: Plan, sealed: Plan) -> None:
    plain_scales, scales = ([_power(max(s.weight_scales.values())) for s in p.stages] for p in (plan, sealed))
    assert "those are {}, {} and {}; encrypted".format(*plain_scales) in CONCEPTS
    assert "weights need {}, {} and {}.".format(*scales) in CONCEPTS
    assert [stage.rescale_first for stage in sealed.stages] == [True, True, False]
    product, primes = sealed.stages[1].product_scale, sealed.head.parameters.data_prime_bits
    assert f"products have the scale {_power(product)}, their square would have {_power(product**2)}" in CONCEPTS
    assert f"the modulus has {sum(primes)} bits for everything" in CONCEPTS
    assert f"by a prime of {primes[2]} bits" in CONCEPTS
    assert f"one of {primes[1]} bits" in CONCEPTS
    bound = max_modulus_bits(128, sealed.head.parameters.ring_dimension)
    assert f"at {sealed.head.parameters.modulus_bits} bits of {bound}" in CONCEPTS


def test_concepts_quotes_the_noise_of_encrypted_and_of_plain_weights(plan: Plan) -> None:
    encrypted, rounded = plan.head.parameters.ring_dimension / 6, (plan.head.parameters.ring_dimension / 12) ** 0.5
    assert f"an error of √(N/12) = {rounded:.0f} units" in CONCEPTS
    assert f"N/6 = {encrypted:.0f} units, {math.log2(encrypted / rounded):.1f} bits more" in CONCEPTS


def _power(scale: float) -> str:
    """A scale as the text writes it."""
    return "2" + str(round(math.log2(scale))).translate(_SUPERSCRIPTS)
