"""`blindsight keys`: key sets on this machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from blindsight.command_line.app import App
from blindsight.command_line.facts import in_bytes, modulus, print_facts
from blindsight.command_line.output import print_json
from common.errors import ConfigurationError
from common.keys.core_dumps import forbid_core_dumps
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.keys.key_folder import check_free, holds_secret, is_locked
from common.keys.key_set import create_key_set, export_evaluation_keys, load_header, write_public
from common.plan.plan_file import load_head
from common.service.settings import read_secret
from common.writable import check_new_folder
from models.catalogue import plan_file

app = App(name="keys", help="Make, show and export key sets.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder of the key set.")]
NewFolder = Annotated[Path, typer.Argument(help="Folder to make.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _private() -> None:
    forbid_core_dumps()


@app.command()
def create(
    folder: Folder,
    plan: Annotated[Path, typer.Option(help="Plan or head file that the key set is for, or a shipped model's name.")],
    passphrase_file: Annotated[
        Path | None, typer.Option(help="Encrypt the secret key under the passphrase in this file.")
    ] = None,
    no_passphrase: Annotated[
        bool, typer.Option("--no-passphrase", help="Don't ask for a passphrase: the secret key isn't encrypted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a secret key with its public and evaluation keys. The secret key stays in the folder.

    In a terminal a passphrase is asked for, unless one of the two options says what to do.
    """
    if passphrase_file is not None and no_passphrase:
        raise ConfigurationError("--passphrase-file and --no-passphrase exclude each other; give one of them")
    head = load_head(plan_file(plan))
    check_free(folder)
    check_new_folder(folder, "folder")
    passphrase = read_secret(passphrase_file, None, "passphrase_file")
    if passphrase_file is None and not no_passphrase and sys.stdin.isatty():
        passphrase = _ask_passphrase()
    if passphrase is None:
        typer.echo(f"the secret key in {folder} isn't encrypted: whoever reads the file reads every frame", err=True)
    _show(create_key_set(head, folder, passphrase).header, folder, as_json)


@app.command()
def show(folder: Folder, as_json: AsJson = False) -> None:
    """Show what a key set is and can do; no key material."""
    _show(load_header(folder), folder, as_json)


@app.command()
def export(folder: Folder, file: Annotated[Path, typer.Argument(help="File to write.")]) -> None:
    """Write the evaluation keys, which workers may have, as one file."""
    data = export_evaluation_keys(folder)
    file.write_bytes(data)
    typer.echo(f"{len(data):,} bytes of evaluation keys written to {file}; the secret key is not among them")


@app.command()
def public(folder: Folder, out: NewFolder, as_json: AsJson = False) -> None:
    """Write the public part, with which a site's devices encrypt and which decrypts nothing."""
    _show(write_public(folder, out).header, out, as_json)


def _ask_passphrase() -> str | None:
    text = "Passphrase of the secret key (empty: none)"
    return (
        typer.prompt(text, default="", show_default=False, hide_input=True, confirmation_prompt=True, err=True) or None
    )


def _show(header: EvaluationKeysHeader, folder: Path, as_json: bool) -> None:
    parameters = header.parameters
    facts = {
        "fingerprint": header.fingerprint,
        "folder": str(folder),
        "security_bits": parameters.security_bits,
        "ring_dimension": parameters.ring_dimension,
        "modulus_bits": parameters.modulus_bits,
        "prime_bits": list(parameters.prime_bits),
        "rotation_keys": len(header.rotations),
        "evaluation_key_bytes": header.size,
        "secret_key": _secret_key(folder),
    }
    if as_json:
        print_json(facts)
        return
    print_facts(
        {
            "fingerprint": header.fingerprint,
            "folder": str(folder),
            "security": f"{parameters.security_bits} bits",
            "ring dimension": f"{parameters.ring_dimension:,}",
            "modulus": modulus(parameters.prime_bits),
            "rotation keys": f"{len(header.rotations):,}",
            "evaluation keys": in_bytes(header.size),
            "secret key": _secret_key(folder),
        }
    )


def _secret_key(folder: Path) -> str:
    if not holds_secret(folder):
        return "not here: only the public part"
    return "encrypted under a passphrase" if is_locked(folder) else "not encrypted"
