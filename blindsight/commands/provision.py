"""`blindsight provision`: a site's credentials and configuration, made and changed."""

from pathlib import Path
from typing import Annotated

import typer

from blindsight.command_line.app import App
from blindsight.command_line.logs import configure_logs
from blindsight.command_line.output import print_json
from broker.provisioning.provision import ProvisionedSite, TlsFiles, Wishes
from broker.provisioning.provision import provision as make
from broker.provisioning.reload import forget_commands, forget_statuses, reload_broker
from broker.provisioning.site import Site
from broker.provisioning.site_settings import SiteSettings, load_site_settings
from common.errors import BrokerError, ConfigurationError

#: The number of devices that a new site has, unless --devices gives another.
_DEVICES = 2
#: The settings of a new site, as far as no option gives others.
_USUAL = SiteSettings()
#: The names of the help's panels.
WHO, SERVERS, TLS = "Who may connect", "Servers", "TLS"

app = App(name="provision")


def _kept(text: str, usual: object) -> str:
    return f"{text} (at first: {usual}; then as before)"


@app.command()
def provision(
    folder: Annotated[Path, typer.Argument(help="Folder of the site. Doing it again changes what is given.")],
    devices: Annotated[
        int | None,
        typer.Option(min=1, help=_kept("Number of devices: cam-01, cam-02, …", _DEVICES), rich_help_panel=WHO),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help=_kept("Address on which Mosquitto and Redis listen.", _USUAL.host), rich_help_panel=SERVERS),
    ] = None,
    device_port: Annotated[
        int | None,
        typer.Option(help=_kept("Mosquitto's port for devices.", _USUAL.device_port), rich_help_panel=SERVERS),
    ] = None,
    service_port: Annotated[
        int | None,
        typer.Option(
            help=_kept("Mosquitto's port for bridges and workers.", _USUAL.service_port), rich_help_panel=SERVERS
        ),
    ] = None,
    redis_port: Annotated[
        int | None, typer.Option(help=_kept("Redis's port.", _USUAL.redis_port), rich_help_panel=SERVERS)
    ] = None,
    max_connections: Annotated[
        int | None,
        typer.Option(
            help=_kept("Devices connected at one time, at most.", _USUAL.max_connections), rich_help_panel=SERVERS
        ),
    ] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(help="CA that signs certificates; turns TLS on.", rich_help_panel=TLS)
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Mosquitto's certificate.", rich_help_panel=TLS)] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key.", rich_help_panel=TLS)] = None,
    client_certs: Annotated[
        bool | None,
        typer.Option("--client-certs/--no-client-certs", help="Clients need a certificate too.", rich_help_panel=TLS),
    ] = None,
    reader: Annotated[
        list[str] | None,
        typer.Option(help="A user that reads forwarded labels and statuses, and writes nothing.", rich_help_panel=WHO),
    ] = None,
    revoke: Annotated[
        list[str] | None, typer.Option(help="A device or reader to be shut out.", rich_help_panel=WHO)
    ] = None,
    renew: Annotated[
        list[str] | None, typer.Option(help="A device, reader or service to get a new password.", rich_help_panel=WHO)
    ] = None,
    reload: Annotated[
        int | None,
        typer.Option(help="Process id of Mosquitto, which takes the changes up at once.", rich_help_panel=SERVERS),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was changed as JSON.")] = False,
) -> None:
    """Make passwords and configuration for Mosquitto, Redis, the services and devices, or change them."""
    before, site = load_site_settings(Site(folder)), Site(folder)
    options = {"host": host, "device_port": device_port, "service_port": service_port, "redis_port": redis_port}
    address = before.changed(**{name: value for name, value in options.items() if value is not None}).address
    if devices is None and not site.settings_file.exists() and not site.mosquitto.exists():
        devices = _DEVICES
    names = [f"cam-{number:02d}" for number in range(1, (devices or 0) + 1)]
    wishes = Wishes(max_connections, reader or (), tuple(dict.fromkeys(revoke or ())), renew or ())
    result = make(folder, names, address, _tls(site, before, (tls_ca, tls_cert, tls_key), client_certs), wishes)
    to_do = _take_up(result, wishes, reload)
    if as_json:
        facts = {"folder": str(folder), "changes": result.changes, "reload": result.reload, "restart": result.restart}
        print_json({**facts, "to_do": to_do})
        return
    for change in result.changes or ("nothing had to be changed",):
        typer.echo(change)
    typer.echo(f"the site's credentials are in {folder}")
    for command in to_do:
        typer.echo(f"to do: {command}")


def _tls(
    site: Site, before: SiteSettings, options: tuple[Path | None, Path | None, Path | None], client_certs: bool | None
) -> TlsFiles | None:
    """The certificates that the options name; where only `client_certs` is said, those that the site has.

    Raises `ConfigurationError` when one of the three is missing.
    """
    required = before.client_certs if client_certs is None else client_certs
    files = [path for path in options if path is not None]
    if not files and client_certs is not None and before.tls:
        files = [site.mosquitto / "tls" / name for name in ("ca.crt", "server.crt", "server.key")]
    if not files and not client_certs:
        return None
    if len(files) != 3:
        raise ConfigurationError("TLS needs all of --tls-ca, --tls-cert and --tls-key")
    ca, certificate, key = files
    return TlsFiles(ca, certificate, key, required)


def _take_up(result: ProvisionedSite, wishes: Wishes, pid: int | None) -> list[str]:
    """Have the broker take the changes up, if its process id is known; returns what the operator still has to do."""
    to_do = [f"restart {server}" for server in result.restart]
    if pid is None:
        if result.reload and "Mosquitto" not in result.restart:
            to_do.append("send Mosquitto SIGHUP: kill -HUP PID (in compose: docker compose kill -s HUP mosquitto)")
        return to_do + forget_commands(result, wishes.revoke)
    reload_broker(pid)
    configure_logs("error", False)
    try:
        forget_statuses(result, wishes.revoke)
    except BrokerError:
        to_do += forget_commands(result, wishes.revoke)
    return to_do
