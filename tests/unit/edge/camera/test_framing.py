"""Pictures become frames of the model's shape, or are refused with the fix."""

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from structlog.testing import capture_logs

from common.errors import ConfigurationError, FrameError
from common.pictures.cropping import cut
from common.pictures.regions import Region
from common.plan.plan import PlanHead
from edge.camera.framing import WholePicture, open_framing, sources_of
from models.plans import get_plan


def test_a_whole_picture_is_one_frame_without_a_name_of_its_own() -> None:
    framing = WholePicture((4, 6, 1), resize=True)
    assert framing.frames(np.zeros((40, 60, 3), np.uint8)).shape == (1, 4, 6, 1)
    assert framing.names == ("",)


def test_another_size_is_refused_with_the_fix() -> None:
    with pytest.raises(FrameError, match=r"is 5×7 .* takes 4×6; pass --resize"):
        WholePicture((4, 6, 1), resize=False).frames(np.zeros((5, 7, 1), np.uint8))


def region_file(folder: Path, regions: int, mark: str = "") -> Path:
    """A region file for pictures of 160×40 pixels."""
    path = folder / "meter.toml"
    tables = [f'[[region]]\nname = "d{n}"\nbox = [{20 * n}, 0, 20, 40]\nnormalise = "none"\n' for n in range(regions)]
    path.write_text("[picture]\nsize = [160, 40]\n" + mark + "".join(tables))
    return path


def head(frames_per_ciphertext: int) -> PlanHead:
    return msgspec.structs.replace(get_plan("digits", 128).head, frames_per_ciphertext=frames_per_ciphertext)


def test_regions_are_frames_in_the_files_order(tmp_path: Path) -> None:
    framing = open_framing(region_file(tmp_path, 3), False, head(4))
    picture = np.repeat(np.arange(8, dtype=np.uint8) * 30, 20)[None, :, None].repeat(40, axis=0)
    assert framing.names == ("d0", "d1", "d2")
    assert sources_of(framing, "a.png") == ["a.png:d0", "a.png:d1", "a.png:d2"]
    frames = framing.frames(picture)
    assert frames.shape == (3, 28, 28, 1)
    assert [int(frame[14, 14, 0]) for frame in frames] == [0, 30, 60]


def test_more_regions_than_a_ciphertext_takes_are_refused_with_the_fix(tmp_path: Path) -> None:
    path = region_file(tmp_path, 5)
    with pytest.raises(ConfigurationError, match=r"with 5 regions, .* takes 1 frame; .*--frames-per-ciphertext 8"):
        open_framing(path, False, head(1))


def test_regions_and_resize_together_are_refused(tmp_path: Path) -> None:
    path = region_file(tmp_path, 1)
    with pytest.raises(ConfigurationError, match=rf"resize is set, and regions is {path}: .*leave one of them out"):
        open_framing(path, True, head(1))


def test_a_reference_picture_that_is_missing_is_named(tmp_path: Path) -> None:
    path = region_file(tmp_path, 1, mark='reference = "absent.png"\n[[mark]]\nbox = [100, 5, 30, 30]\n')
    with pytest.raises(ConfigurationError, match=r"reference is absent\.png: .* can't be read"):
        open_framing(path, False, head(1))


def test_regions_stay_where_they_were_while_no_mark_is_seen(tmp_path: Path) -> None:
    reference = np.random.default_rng(4).integers(0, 255, (40, 160, 1), np.uint8)
    Image.fromarray(reference[:, :, 0]).save(tmp_path / "reference.png")
    path = region_file(tmp_path, 1, mark='reference = "reference.png"\n[[mark]]\nbox = [100, 8, 24, 24]\nsearch = 6\n')
    framing = open_framing(path, False, head(1))
    shifted = np.roll(reference, 5, axis=1)
    with pytest.raises(FrameError, match="none of the region file's marks"):
        framing.frames(np.zeros_like(reference))
    found = framing.frames(shifted).astype(float)
    assert np.abs(found - cut(shifted, [shifted_region(5)], (28, 28, 1))).mean() < 3
    with capture_logs() as lines:
        frames = framing.frames(np.full_like(reference, 9))
    assert (frames == 9).all()
    assert [line["event"] for line in lines] == ["regions are where they were last"]


def shifted_region(pixels: float) -> Region:
    """The first region of `region_file`, shifted to the right."""
    return Region("d0", ((pixels, 0), (20 + pixels, 0), (20 + pixels, 40), (pixels, 40)), "none")


def test_the_name_of_a_file_that_is_no_utf8_can_be_stored() -> None:
    assert sources_of(WholePicture((4, 6, 1), resize=False), os.fsdecode(b"\xfc.png")) == ["\\udcfc.png"]
