"""Networks and data that people bring: npz and ONNX files, labels, pictures, videos, settings."""

import io
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from blindsight.command_line.lists import read_labels, read_numbers
from common.pictures.reading import read_picture
from common.plan.network import Network
from common.service.settings import load_settings
from compiler.labelled import load_labelled
from compiler.onnx.conversion import convert
from compiler.onnx.file.reading import read_graph
from compiler.onnx.importing import import_network
from compiler.onnx.options import ImportOptions
from edge.camera.framing import WholePicture
from edge.camera.sources.opening import open_camera
from edge.settings import DeviceSettings
from tests.fuzz.target import Target, as_file, scratch
from tests.networks import joining_network, small_network
from tests.onnx_graphs import DATA, make_model, node

_GREY, _COLOUR, _FLAT = (4, 6, 1), (4, 6, 3), (28, 28, 1)
#: Values of a frame on which a mutated network is still calibrated.
_LARGEST_FRAME = 4096
_SUFFIXES = {b"\x89P": ".png", b"\xff\xd8": ".jpg", b"BM": ".bmp", b"RI": ".webp"}


def _network_files() -> list[bytes]:
    files = []
    for network in (small_network(), joining_network()):
        network.save(scratch() / "seed.npz")
        files.append((scratch() / "seed.npz").read_bytes())
    return files


def _use_network(path: Path) -> None:
    network = Network.load(path)
    network.scores(np.zeros((1, *network.frame_shape), np.uint8))


def _labelled() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, frames=np.zeros((3, 4, 6), np.uint8), labels=np.arange(3))
    return file.getvalue()


def _read_onnx(path: Path) -> None:
    """Import a file, with noise of its own shape to calibrate on."""
    graph = read_graph(path)
    given = _FLAT if graph.input.shape == (np.prod(_FLAT),) else _COLOUR  # scikit-learn's takes values in a row
    shape = convert(graph, ImportOptions(name="fuzzed"), given).frame_shape
    if np.prod(shape, dtype=float) <= _LARGEST_FRAME:
        frames = np.random.default_rng(1).integers(0, 256, (4, *shape), dtype=np.uint8)
        np.savez(scratch() / "calibration.npz", frames=frames, labels=np.zeros(4, np.int64))
        import_network(path, scratch() / "calibration.npz", ImportOptions(name="fuzzed"))


#: A graph with what moves, repeats, joins and interpolates values, and the constants that say how.
_MOVING = (
    node("Slice", "x one four two", "s"),
    node("Tile", "s twice", "t"),
    node("Resize", "t   sizes", "r", mode="linear"),
    node("Pad", "r pads", "p", mode="reflect"),
    node("ConvTranspose", "p w", "c", strides=[2, 1]),
    node("Expand", "c like", "e"),
    node("Gather", "e turned", "g", axis=1),
    node("Split", "g parts", "a b", axis=1),
    node("Concat", "b a b", "j", axis=1),
    node("AveragePool", "j", "m", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),
    node("GlobalAveragePool", "m", "v"),
    node("Mul", "m v", "q"),
    node("Einsum", "q k", "h", equation="nchw,hd->ncd"),
    node("CumSum", "h two", "u"),
    node("Flatten", "u"),
)
_PLACES = {
    "one": [1],
    "four": [4],
    "two": [2],
    "twice": [1, 1, 2, 1],
    "sizes": [1, 2, 5, 4],
    "pads": [0, 0, 1, 0, 0, 0, 0, -1],
    "w": np.ones((2, 1, 2, 2)),
    "like": [1, 2, 1, 1],
    "turned": [1, 0],
    "parts": [1, 1],
    "k": np.ones((6, 2)),
}


def _onnx_files() -> list[bytes]:
    (scratch() / "torch_residual_dynamo.onnx.data").write_bytes((DATA / "torch_residual_dynamo.onnx.data").read_bytes())
    moving = make_model(_MOVING, ("n", 2, 4, 6), {name: np.asarray(value) for name, value in _PLACES.items()})
    return [*(path.read_bytes() for path in sorted(DATA.glob("*.onnx"))), moving.SerializeToString()]


def _read_listing(data: bytes) -> None:
    folder = scratch() / "pictures"
    folder.mkdir(exist_ok=True)
    Image.new("L", (6, 4)).save(folder / "a.png")
    (folder / "labels.csv").write_bytes(data)
    load_labelled(folder, _GREY, ["cat", "dog"])


def _read_labels(path: Path) -> None:
    read_labels(str(path))


def _pictures() -> list[bytes]:
    """Small pictures in every format and mode."""
    found = []
    for kind, modes in {
        "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "JPEG": ("L", "RGB", "CMYK"),
        "BMP": ("1", "L", "P", "RGB"),
        "WEBP": ("RGB", "RGBA"),
        "PPM": ("1", "L", "RGB", "I;16"),
    }.items():
        for mode in modes:
            file = io.BytesIO()
            turned = kind in ("JPEG", "PNG", "WEBP")  # by a quarter, as an EXIF tag says
            image = Image.new(mode, (4, 6) if turned else (6, 4), 1 if mode in ("1", "L", "P", "I;16") else None)
            exif = Image.Exif()
            exif[0x0112] = 6
            image.save(file, kind, **({"exif": exif} if turned else {}))
            found.append(file.getvalue())
    return found


def _read_picture(path: Path) -> None:
    picture = read_picture(path)
    for shape in (_GREY, _COLOUR):
        WholePicture(shape, resize=True).frames(picture)


def _read_folder_of_pictures(data: bytes) -> None:
    folder = scratch() / "sorted" / "cat"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"a{_SUFFIXES.get(data[:2], '.png')}"
    path.write_bytes(data)
    try:
        load_labelled(folder.parent, _GREY, ["cat"])
    finally:
        path.unlink()


def _video() -> bytes:
    import cv2

    path = scratch() / "seed.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, (16, 16))
    for number in range(3):
        writer.write(np.full((16, 16, 3), 40 * number, np.uint8))
    writer.release()
    return path.read_bytes()


def _read_video(path: Path) -> None:
    camera = open_camera(f"video:{path}")
    for _ in islice(camera.shots(), 50):
        pass


_TOML = b"""device = "cam-1"
camera = "folder:x"
plan = "digits"
state = "state"
rate = 1.5
outbox_mb = 20
loop = true
policy = "latest"
mqtt_password = "secret"
"""

TARGETS = (
    Target("network", _network_files, as_file("n.npz", _use_network), "npz"),
    Target(
        "labelled",
        lambda: [_labelled()],
        as_file("l.npz", lambda path: load_labelled(path, _GREY, ["a", "b", "c"])),
        "npz",
    ),
    Target("listing", lambda: [b"file,label\na.png,cat\na.png,dog\n"], _read_listing),
    Target("labels", lambda: [b"cat\ndog\n"], as_file("v.txt", _read_labels)),
    Target("numbers", lambda: [b"0.5,1/3,2e1"], lambda data: read_numbers("mean", data.decode(errors="replace"))),
    Target("onnx", _onnx_files, as_file("o.onnx", _read_onnx), "onnx"),
    Target("settings", lambda: [_TOML], as_file("s.toml", lambda path: load_settings(DeviceSettings, path, {}))),
    Target("image", _pictures, as_file("picture", _read_picture)),
    Target("picture", lambda: [each for each in _pictures() if each[:2] in _SUFFIXES], _read_folder_of_pictures),
    Target("video", lambda: [_video()], as_file("v.avi", _read_video)),
)
