"""Known answers take their places among the frames."""

from collections.abc import Callable

import numpy as np

from common.keys.known_answers import KnownFrame
from tests.unit.edge.camera.capture.bench import HEAD, Bench, eventually

CHECK = "known answer"


def checks(*counters: int) -> Callable[[int], KnownFrame | None]:
    known = KnownFrame(np.zeros(HEAD.frame_shape, np.uint8), 7)
    return lambda counter: known if counter in counters else None


def expected(bench: Bench) -> dict[int, int]:
    """The label of each check, by its capture counter."""
    return {
        entry.counter + place: frame.expected
        for entry in bench.entries()
        for place, frame in enumerate(entry.frames)
        if frame.expected is not None
    }


def run_to_the_end(bench: Bench, sources: str) -> None:
    bench.camera.show(*sources)
    bench.camera.close()
    assert eventually(lambda: bench.capture.done)


def test_checks_take_their_counters_and_no_frame_is_lost_or_changes_its_order(bench: Callable[..., Bench]) -> None:
    one = bench(check_at=checks(0, 5, 6, 7, 8, 9, 12))
    run_to_the_end(one, "abcdefgh")
    assert one.bursts() == [
        [CHECK, "a", "b", "c"],
        ["d", CHECK, CHECK, CHECK],
        [CHECK, CHECK, "e", "f"],
        [CHECK, "g", "h"],
    ]
    assert expected(one) == dict.fromkeys((0, 5, 6, 7, 8, 9, 12), 7)


def test_the_next_run_goes_on_with_the_counters_of_the_one_before(bench: Callable[..., Bench]) -> None:
    first = bench(check_at=checks(1, 6))
    run_to_the_end(first, "ab")
    first.close()
    second = bench(check_at=checks(1, 6))
    run_to_the_end(second, "cdefg")
    assert second.bursts() == [["a", CHECK, "b"], ["c", "d", "e", CHECK], ["f", "g"]]


def test_under_latest_a_check_stands_for_a_frame_so_that_there_is_no_message_more(bench: Callable[..., Bench]) -> None:
    one = bench(latest=True, check_at=checks(2))
    run_to_the_end(one, "abcd")
    assert one.bursts() == [["a", "b", CHECK, "d"]]
