"""What is counted in rows: the native engine shares what rotations have in common, and Pyfhel shares nothing."""

import pytest

from common.engine_names import EngineName
from common.plan.work import Rows, StageWork, rows_of

LEVEL = 2
#: Primes of a ciphertext, and those with the special prime.
PRIMES, EXTENDED = 3, 4


def test_on_the_native_engine_another_baby_takes_only_its_products_with_a_key() -> None:
    one, two = (rows_of("native", StageWork(targets=1, hoists=1, babies=babies), LEVEL) for babies in (1, 2))
    assert two == one.plus(Rows(key_product=EXTENDED * (PRIMES + 1)))


def test_on_pyfhel_each_rotation_takes_what_one_alone_takes_natively() -> None:
    works = (
        StageWork(targets=1, hoists=1, babies=1),
        StageWork(targets=1, giants=1),
        StageWork(targets=1, fold_groups=(1,)),
    )
    switched = PRIMES + PRIMES**2 + 2 * EXTENDED  # digits out of and into the transformed form, and the division by P
    assert {rows_of("pyfhel", work, LEVEL) for work in works} == {rows_of("native", works[0], LEVEL)}
    assert rows_of("native", works[0], LEVEL).transform == switched


def test_giants_and_folds_are_decomposed_each_and_two_folds_at_once_but_once() -> None:
    def transforms(work: StageWork) -> float:
        return rows_of("native", work, LEVEL).transform

    each = EXTENDED + PRIMES * EXTENDED
    first = transforms(StageWork(targets=1, giants=1))
    assert transforms(StageWork(targets=1, giants=2)) == first + each
    assert transforms(StageWork(targets=1, giants=1, fold_groups=(1, 1))) == first + 2 * each
    assert transforms(StageWork(targets=1, giants=1, fold_groups=(3,))) == first + each
    assert StageWork(targets=2, fold_groups=(3, 1)).rotations == 2 * 3


def test_babies_that_are_made_one_from_the_other_share_nothing() -> None:
    work = StageWork(targets=1, hoists=1, babies=3)
    apart = rows_of("native", work._replace(chained=True), LEVEL).transform - rows_of("native", work, LEVEL).transform
    assert apart == 2 * (EXTENDED + PRIMES * EXTENDED)


@pytest.mark.parametrize("engine", ["native", "pyfhel"])
def test_encrypted_weights_take_products_of_ciphertexts_and_a_relinearisation_a_sum(engine: EngineName) -> None:
    work = StageWork(targets=1, hoists=1, babies=1, sums=2, products=5)
    plain, encrypted = rows_of(engine, work, LEVEL), rows_of(engine, work._replace(encrypted=True), LEVEL)
    assert (plain.tensor_product, encrypted.product, encrypted.tensor_product) == (0, 0, 5 * PRIMES)
    assert encrypted.key_product == plain.key_product + 2 * EXTENDED * (PRIMES + 1)


@pytest.mark.parametrize("engine", ["native", "pyfhel"])
def test_a_stage_that_rescales_first_squares_a_level_lower(engine: EngineName) -> None:
    work = StageWork(targets=1, giants=1, square=True)
    late, early = (rows_of(engine, work._replace(early=early), LEVEL) for early in (False, True))
    assert early.tensor_product == late.tensor_product - 1
    assert early.key_product < late.key_product


def test_without_rotations_the_native_engine_does_without_the_special_prime() -> None:
    assert rows_of("native", StageWork(targets=1, products=7), LEVEL) == Rows(product=7 * PRIMES)
