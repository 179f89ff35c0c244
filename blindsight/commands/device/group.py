"""`blindsight device`: a camera's device; and the group of the commands for its outbox."""

from contextlib import ExitStack

from blindsight.command_line.app import App
from blindsight.command_line.options import command
from blindsight.command_line.service import configure_service, stop_with
from blindsight.pages.installed import SITE, check_installed
from blindsight.web.settings.device import DeviceWebSettings
from common.keys.core_dumps import forbid_core_dumps
from models.catalogue import model_folder, plan_file


def run_device(settings: DeviceWebSettings) -> None:
    """Watch a camera: encrypt its frames, send them, decrypt the labels that come back."""
    from edge.service import open_device

    forbid_core_dumps()
    configure_service(settings)
    updates = {"camera": _camera(settings.camera), "plan": plan_file(settings.plan)}
    settings = settings.model_copy(update=updates)
    with ExitStack() as stack:
        if settings.web:
            check_installed("--web", SITE)
            from blindsight.web.serving.device import DeviceWeb

            web = DeviceWeb(settings)
            device = stack.enter_context(open_device(settings, web.onlookers))
            stack.enter_context(web.serving(device))
        else:
            device = stack.enter_context(open_device(settings))
        stop_with(device.agent.stop)
        device.agent.run()


def _camera(spec: str) -> str:
    """samples:MODEL stands for the folder of a model's sample frames."""
    kind, _, name = spec.partition(":")
    return f"folder:{model_folder(name) / 'samples'}" if kind == "samples" else spec


app = App(name="device")
app.callback(invoke_without_command=True)(command(DeviceWebSettings, run_device))
app.lazy_command(
    "outbox",
    "blindsight.commands.device.outbox:app",
    "Show what waits in a device's outbox; retry, drop or export its dead letters.",
)
