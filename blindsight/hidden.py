"""Whether the packages that Blindsight is made of are its own, and not hidden by a file of the user's.

They have plain names, such as `common` and `models`, and Python takes the first one on its path: a script's own
`common.py` comes before ours.
"""

from importlib.util import find_spec
from pathlib import Path

#: The packages that are installed beside `blindsight`.
PACKAGES = ("broker", "common", "compiler", "console", "edge", "models", "workers")


def check_own_packages() -> None:
    """Raise `ImportError` naming the first file or folder that hides one of ours; imports none of them."""
    here = Path(__file__).parent.parent
    for name in PACKAGES:
        own, found = here / name, _place(name)
        if found is None or not _is_init_of(found, own):
            what = "no file, though Python has it loaded" if found is None else str(found)
            raise ImportError(
                f"blindsight's own package {name!r}, which is in {here}, is hidden by {what}: Python finds that first. "
                "Rename it, or start the program from another folder",
                name=name,
                path=str(found),
            )


def _is_init_of(file: Path, package: Path) -> bool:
    """Whether a file is a package's `__init__`: Python's source, or bytecode alone, as PyInstaller has it."""
    folder = file.parent
    if not file.name.startswith("__init__."):
        return False
    return folder == package or (folder.exists() and package.exists() and folder.samefile(package))


def _place(name: str) -> Path | None:
    """The file of a package or module, or the folder of a package without `__init__.py`; None where there is none."""
    try:
        spec = find_spec(name)
    except ValueError:  # it is loaded, and says nothing of where it comes from
        return None
    if spec is None:
        return None
    if spec.origin is not None:
        return Path(spec.origin)
    return next(map(Path, spec.submodule_search_locations or ()), None)
