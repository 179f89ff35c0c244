"""What is drawn fits its frame, whatever the figures are."""

from hypothesis import given
from hypothesis import strategies as st

from tests.web_parts import DIGITS, FLEET, SCENES
from web.rendering.drawings import SPARK_HEIGHT, STAGE_WIDTH, blocks, shares, spans, spark


def test_a_sparkline_has_a_bar_for_each_minute_with_labels() -> None:
    assert spark([0, 2, 0, 4]) == f"M4 {SPARK_HEIGHT}v-14h3v14zM12 {SPARK_HEIGHT}v-28h3v28z"
    assert spark([]) == "" and spark([0] * 60) == ""


@given(st.lists(st.floats(0, 1e12), max_size=20))
def test_shares_are_of_the_largest_and_what_isnt_nothing_is_seen(values: list[float]) -> None:
    drawn = shares(values)
    assert all(0 <= each <= 100 for each in drawn)
    assert all((each > 0) is (value > 0) for each, value in zip(drawn, values, strict=True))


def test_latency_is_on_one_scale() -> None:
    drawn = spans(FLEET.stages)
    assert max(each.p95 for each in drawn) == 100
    assert all(0 <= each.median <= each.p95 for each in drawn)


def test_layers_are_drawn_within_their_columns() -> None:
    for model in (DIGITS, SCENES):
        for index, block in enumerate(blocks(model.frame_shape, model.stages)):
            for x, y in block.planes:
                assert index * STAGE_WIDTH <= x and x + block.width <= (index + 1) * STAGE_WIDTH
                assert y >= 0 and y + block.height <= 112  # the text is below


def test_a_vector_is_one_plane_and_channels_are_several() -> None:
    frame, first, *_, last = blocks(SCENES.frame_shape, SCENES.stages)
    assert (frame.shape, last.shape) == ("3 × 32 × 32", "10")
    assert len(last.planes) == 1 and len(first.planes) > len(frame.planes) > 1
