"""Models by name: those that ship, and folders that users made.

A model's folder holds `network.npz`, may hold plans (`NAME-128.plan`; `NAME-128-k4.plan` for four
frames in a ciphertext), and sample frames with their labels in `samples/`.
"""

from pathlib import Path

from common.errors import ConfigurationError
from common.plan.network import Network

#: The folder of the models that ship.
FOLDER = Path(__file__).parent

#: The security level, in bits, of the plan that a shipped model's name stands for.
_DEFAULT_SECURITY = 128

#: Frames in a ciphertext of that plan, where a model ships none for one frame: it reads several regions of a picture.
_REGIONS_TOGETHER = 8

#: The file of a model's network, in its folder.
_NETWORK = "network.npz"


def shipped_models() -> list[str]:
    """Names of the models that ship."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{_NETWORK}"))


def model_folder(name: str) -> Path:
    """The folder of a shipped model, or `name` itself where a user made one. Raises `ConfigurationError`."""
    if name in shipped_models():
        return FOLDER / name
    folder = Path(name)
    if (folder / _NETWORK).is_file():
        return folder.resolve()
    problem = f"{name} holds no {_NETWORK}" if name and folder.is_dir() else f"unknown model {name!r}"
    raise ConfigurationError(
        f"{problem}; shipped: {', '.join(shipped_models())}. "
        f"A folder with {_NETWORK} works too: blindsight model import writes one"
    )


def load_network(name: str) -> Network:
    """A model's network. Raises `ConfigurationError` or `NetworkError`."""
    return Network.load(model_folder(name) / _NETWORK)


def plan_path(name: str, security_bits: int, frames_per_ciphertext: int = 1) -> Path:
    """Where a model's plan at a security level is, if it has one, for so many frames in a ciphertext."""
    folder = model_folder(name)
    return folder / plan_name(folder.name, security_bits, frames_per_ciphertext)


def plan_name(
    model: str,
    security_bits: int,
    frames_per_ciphertext: int,
    encrypt_from: int = 0,
    sealed: bool = False,
    small: bool = False,
) -> str:
    """The usual name of a plan's file; `sealed` for one that is to be sealed, `small` for one of few keys."""
    part = f"-from{encrypt_from}" if encrypt_from else ""
    together = "" if frames_per_ciphertext == 1 else f"-k{frames_per_ciphertext}"
    kind = ("-small" if small else "") + ("-unsealed" if sealed else "")
    return f"{model}-{security_bits}{part}{together}{kind}.plan"


def default_frames(name: str) -> int:
    """Frames in a ciphertext of the plan that a model's name stands for."""
    together = plan_path(name, _DEFAULT_SECURITY, _REGIONS_TOGETHER).exists()
    return _REGIONS_TOGETHER if together and not plan_path(name, _DEFAULT_SECURITY).exists() else 1


def plan_file(path: Path) -> Path:
    """A plan's file; the name of a shipped model stands for the plan at 128 bits that it ships, and the folder of a
    user's model for the plan in it.

    Raises `ConfigurationError` for what is neither and looks like such a name, and for a folder without one plan.
    """
    name, shipped = str(path), shipped_models()
    if path.is_file():
        return path
    if name in shipped:
        return plan_path(name, _DEFAULT_SECURITY, default_frames(name))
    if path.is_dir():
        return _plan_in(path)
    if path.parent == Path() and not path.suffix:
        raise ConfigurationError(f"{name!r} is neither a plan's file nor a shipped model: {', '.join(shipped)}")
    return path


def _plan_in(folder: Path) -> Path:
    """The only plan of a folder. Raises `ConfigurationError`, which tells which ones there are."""
    plans = sorted(folder.glob("*.plan"))
    if len(plans) == 1:
        return plans[0]
    if plans:
        raise ConfigurationError(
            f"{folder} is a folder with {len(plans)} plans; name the file of one: {', '.join(map(str, plans[:5]))}"
        )
    raise ConfigurationError(
        f"{folder} is a folder without a plan; name a plan's file. If the folder is a model's, this makes one: "
        f"blindsight model compile {folder}"
    )
