"""A device, put together: from the settings of `blindsight device`, or from parts that a program gives."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.errors import ConfigurationError
from common.history import history_file
from common.history.history import History
from common.keys.key_set import KeySet
from common.keys.known_answers import KnownAnswers, KnownFrame, load_known_answers
from common.pictures.opencv import import_opencv
from common.plan.plan import PlanHead
from common.plan.plan_file import load_head
from common.plan.predictions import upload_bytes
from common.publishing.publisher import check_publishing
from common.publishing.settings import PublishingSettings
from common.readings.meters import load_meters
from common.readings.reading import Reading
from common.service.line_file import check_line_file
from common.service.settings import KeyHolderSettings
from common.service.state_folder import check_owner, only_user
from common.wire.paho_client import check_tls
from common.writable import check_file, check_folder, check_new_folder
from edge.agent import Agent
from edge.camera.bursts import Submissions
from edge.camera.cameras import Camera
from edge.camera.capture import Capture, FrameSource
from edge.camera.framing import Framing, open_framing
from edge.camera.gate import Gate
from edge.camera.kept_frames import KeptFrames
from edge.camera.sources.opening import open_camera
from edge.encryption import FrameCipher, key_set_folders, open_key_set
from edge.identity import claim_identity
from edge.labels.earlier import Readers, keep_head, open_readers
from edge.labels.results import ResultFile, Sink
from edge.outbox.outbox import FILE, Outbox
from edge.settings import AgentSettings, DeviceSettings
from edge.watcher import NO_ONLOOKERS, Onlookers

#: The file in the state folder that remembers which pictures of a watched folder were taken.
_WATCHED = "watched.json"


@dataclass(frozen=True)
class Parts:
    """What isn't told by settings: who the device is, its folder, its plan's head; where frames, labels, readings go.

    Without a camera, frames are handed over to `DeviceAssembly.submissions`. `keeps_history` is for a device that holds
    its own keys: others have neither labels nor readings.
    """

    device: str
    state: Path
    head: PlanHead
    camera: Camera | None
    framing: Framing
    known: KnownAnswers | None
    open_sink: Callable[[], Sink | None]
    on_reading: Callable[[Reading], object] | None = None
    keeps_history: bool = False
    onlookers: Onlookers = NO_ONLOOKERS


@dataclass(frozen=True)
class DeviceAssembly:
    """A device that is ready to run; `submissions` is None where it has a camera, `history` where it keeps none.

    `key_set` is a fingerprint.
    """

    agent: Agent
    outbox: Outbox
    submissions: Submissions | None
    history: History | None
    device: str
    state: Path
    key_set: str


@contextmanager
def open_device(settings: DeviceSettings, onlookers: Onlookers | None = None) -> Iterator[DeviceAssembly]:
    """The device of `blindsight device`, ready to run; its identity is held until the end.

    It keeps a history where somebody looks on.

    Raises `BlindsightError` naming what can't be used.
    """
    # First what only reads: a start that is refused leaves nothing behind.
    head = load_head(settings.plan)
    known = check_parts(settings, head)
    framing = open_framing(settings.regions, settings.resize, head)
    if settings.results is not None:
        check_line_file(settings.results, "results")
    if settings.keep_frames is not None:
        check_folder(settings.keep_frames, "keep_frames")

    def open_results() -> Sink | None:
        return None if settings.results is None else ResultFile(settings.results)

    with ExitStack() as stack:
        camera = _open_camera(settings)
        stack.callback(camera.close)
        identity = claim_identity(settings)
        if identity.lock is not None:
            stack.callback(identity.lock.close)
        if identity.password_file is not None:
            settings = settings.model_copy(update={"mqtt_password_file": identity.password_file})
        state = settings.state / identity.device if settings.identities is not None else settings.state
        if settings.keep_frames is not None:
            folder = settings.keep_frames / identity.device if settings.identities else settings.keep_frames
            framing = KeptFrames(framing, folder, settings.keep_frames_most)
        parts = Parts(
            identity.device,
            state,
            head,
            camera,
            framing,
            known,
            open_results,
            keeps_history=onlookers is not None,
            onlookers=onlookers or NO_ONLOOKERS,
        )
        yield stack.enter_context(assemble(settings, parts))


def _open_camera(settings: DeviceSettings) -> Camera:
    if settings.watch and settings.identities is not None:
        raise ConfigurationError(
            "watch is set together with identities, whose devices would all take the same pictures; give device"
        )
    return open_camera(
        settings.camera,
        rate=settings.rate,
        loop=settings.loop,
        memory=settings.state / _WATCHED if settings.watch else None,
        password_file=settings.camera_password_file,
        ca=settings.camera_ca_file,
    )


def check_parts(settings: AgentSettings, head: PlanHead) -> KnownAnswers | None:
    """Check settings against a plan's head; makes nothing. The known answers, if there are any.

    Raises `BlindsightError` naming what can't be used.
    """
    head.check_front()
    _check_outbox(settings, head)
    known = _known_answers(settings, head)
    if settings.custody == "device":  # else the site's console has the labels, and makes readings
        settings.label_groups().check(head.labels)
        meters = load_meters(settings.regions)
        meters.check([head])
        meters.check_output(settings.readings)
    if settings.motion is not None:
        import_opencv("motion")
    check_tls(settings)
    _check_publishing(settings)
    _check_folders(settings)
    return known


@contextmanager
def assemble(settings: AgentSettings, parts: Parts) -> Iterator[DeviceAssembly]:
    """A device of these parts, which `check_parts` has seen, ready to run. Makes its keys where it has none.

    Raises `BlindsightError` naming what can't be used.
    """
    head, state = parts.head, parts.state
    check_owner(state, parts.device)
    settings = settings.model_copy(update={"mqtt_username": settings.mqtt_username or parts.device})
    keys = settings.keys or state / "keys"
    passphrase = settings.secret_passphrase()
    cipher = FrameCipher(head, open_key_set(keys, head, passphrase, settings.custody))
    state.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(only_user(state, "device", parts.device))
        outbox = Outbox(state / FILE, settings.outbox_mb * 1_000_000, settings.targets())
        stack.callback(outbox.close)
        readers: Readers = {}
        if isinstance(cipher.key_set, KeySet):  # the whole of it, so the labels are ours to read
            keep_head(state / "heads", head, outbox)
            readers = open_readers(state / "heads", keys, head, cipher.key_set, outbox, passphrase)
        submissions, source = _source(settings, parts, cipher, outbox)
        sink = parts.open_sink()
        if sink is not None:
            stack.callback(sink.close)
        history = None
        if parts.keeps_history:
            history = History(state / history_file.FILE)
            stack.callback(history.close)
        meters = load_meters(settings.regions)
        keeps_frames = isinstance(parts.framing, KeptFrames)
        agent = Agent(
            settings,
            parts.device,
            cipher,
            readers,
            outbox,
            source,
            sink,
            meters,
            parts.on_reading,
            keeps_frames,
            history,
            parts.onlookers,
        )
        yield DeviceAssembly(agent, outbox, submissions, history, parts.device, state, cipher.key_set.fingerprint)


def _source(
    settings: AgentSettings, parts: Parts, cipher: FrameCipher, outbox: Outbox
) -> tuple[Submissions | None, Callable[..., FrameSource]]:
    """Where frames come from, given what wakes the agent."""
    latest = settings.policy == "latest"
    if parts.camera is None:
        submissions = Submissions(cipher, outbox, latest)
        return submissions, submissions.waking
    gate = Gate(settings.motion, settings.max_rate)
    check_at = _no_checks if parts.known is None else partial(parts.known.at, parts.device)
    shared = (parts.camera, gate, parts.framing, cipher, outbox, latest, settings.burst_wait, check_at)
    return None, partial(Capture, *shared)


def _no_checks(_: int) -> KnownFrame | None:
    return None


def _known_answers(settings: AgentSettings, head: PlanHead) -> KnownAnswers | None:
    """The frames that are mixed in as checks, if there are any."""
    if settings.known_answers is None:
        return None
    if settings.regions is not None:
        raise ConfigurationError(
            f"known_answers is {settings.known_answers}, and regions is {settings.regions}: in a picture's burst a "
            "known answer would take the place of a region; leave one of them out"
        )
    known = load_known_answers(settings.known_answers)
    known.check_serves(head)
    return known


def _check_folders(settings: AgentSettings) -> None:
    """Whatever is going to be written has to be possible, before a key set is made, which may take a minute."""
    check_folder(settings.state, "state")
    if settings.custody == "device" and settings.keys is not None and not key_set_folders(settings.keys):
        check_new_folder(settings.keys, "keys")
    if settings.health_file is not None:
        check_file(settings.health_file, "health_file", makes_folders=True)


def _check_publishing(settings: AgentSettings) -> None:
    """Under the custody of a site the labels are its console's, and so it publishes them."""
    for name in PublishingSettings.model_fields:
        given = name in settings.model_fields_set and name not in KeyHolderSettings.model_fields
        if settings.custody == "site" and given and getattr(settings, name) is not None:
            raise ConfigurationError(
                f"{name} is set, and custody is 'site': the labels are read by the site's console; give it "
                f"{name}, and leave it out here"
            )
    check_publishing(settings)


def _check_outbox(settings: AgentSettings, head: PlanHead) -> None:
    """The outbox has to take a burst, or the camera would wait for ever."""
    burst = upload_bytes(head)
    if burst > settings.outbox_mb * 1_000_000:
        raise ConfigurationError(
            f"outbox_mb is {settings.outbox_mb}, and a burst of {head.frames_per_ciphertext} frames takes "
            f"{burst / 1e6:.1f} MB; raise --outbox-mb, or compile the plan with fewer --frames-per-ciphertext"
        )
