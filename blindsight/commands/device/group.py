"""`blindsight device`: a camera's device; and the group of the commands for its outbox."""

from blindsight.command_line.app import App
from blindsight.command_line.options import command
from blindsight.command_line.service import configure_service, stop_with
from common.keys.core_dumps import forbid_core_dumps
from edge.settings import DeviceSettings
from models.catalogue import model_folder, plan_file


def run_device(settings: DeviceSettings) -> None:
    """Watch a camera: encrypt its frames, send them, decrypt the labels that come back."""
    from edge.service import open_agent

    forbid_core_dumps()
    configure_service(settings)
    updates = {"camera": _camera(settings.camera), "plan": plan_file(settings.plan)}
    with open_agent(settings.model_copy(update=updates)) as agent:
        stop_with(agent.stop)
        agent.run()


def _camera(spec: str) -> str:
    """samples:MODEL stands for the folder of a model's sample frames."""
    kind, _, name = spec.partition(":")
    return f"folder:{model_folder(name) / 'samples'}" if kind == "samples" else spec


app = App(name="device")
app.callback(invoke_without_command=True)(command(DeviceSettings, run_device))
app.lazy_command(
    "outbox",
    "blindsight.commands.device.outbox:app",
    "Show what waits in a device's outbox; retry, drop or export its dead letters.",
)
