"""The lines with which docs/models.md exports a network give a file that is imported with the same labels."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from compiler.onnx.fits.activations import scores
from tests import exports
from tests.onnx_graphs import DATA, converted, reference

#: What the lines import, beside the library itself.
_NEEDED = {"torch": ("torch", "onnxscript"), "keras": ("keras",), "sklearn": ("sklearn", "skl2onnx")}


def agrees(path: Path) -> None:
    """The draft, before anything is fitted, gives the labels of onnxruntime, or those that are an output themselves."""
    frames = exports.frames()[..., None]
    found = scores(converted(path, (28, 28, 1)).items, frames, lambda: None).argmax(axis=1)
    expected = reference(path, frames)
    assert np.array_equal(found, expected[:, 0] if expected.shape[1] == 1 else expected.argmax(axis=1))


@pytest.mark.parametrize("library", exports.NETWORKS)
@pytest.mark.slow
def test_the_lines_of_the_page_export_what_is_imported(library: str, tmp_path: Path) -> None:
    missing = [name for name in _NEEDED[library] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    agrees(exports.export(library, tmp_path))


@pytest.mark.parametrize("library", ["torch", "sklearn"])
def test_a_file_that_they_wrote_is_imported(library: str) -> None:
    file = DATA / f"{library}_documented.onnx"
    agrees(file)
    assert file.stat().st_size < 60_000


@pytest.mark.parametrize("library", exports.NETWORKS)
def test_each_library_has_three_lines_beside_its_imports(library: str) -> None:
    own = [line for line in exports.lines(library).splitlines() if line and "import" not in line]
    assert len(own) <= 3
