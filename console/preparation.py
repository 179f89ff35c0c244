"""What a console needs before it makes anything: keys that fit its plans, and settings that can be used."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from common.keys.key_set import KeySet, load_key_set, load_times_key
from common.keys.known_answers import KnownAnswers, load_known_answers
from common.keys.scores import ScoreReader
from common.label_groups import LabelGroups
from common.plan.plan import PlanHead
from common.plan.plan_file import load_head
from common.publishing.publisher import check_publishing
from common.readings.meters import Meters, load_meters
from common.wire.paho_client import check_tls
from common.writable import check_file, check_folder
from console.settings import ConsoleSettings, ReadingSettings


@dataclass(frozen=True)
class Preparation:
    """A site's key set, the readers of its plans' scores, its known answers, its meters, and its groups of labels.

    `times_key` opens capture times; None with a key set of an earlier version.
    """

    key_set: KeySet
    readers: tuple[ScoreReader, ...]
    times_key: X25519PrivateKey | None
    known: KnownAnswers | None
    meters: Meters
    groups: LabelGroups


def prepare(settings: ConsoleSettings) -> Preparation:
    """What `prepare_for` gives for the plans of the settings. Raises `BlindsightError` naming what can't be used."""
    return prepare_for([load_head(path) for path in settings.plans], settings)


def prepare_for(heads: Sequence[PlanHead], settings: ReadingSettings) -> Preparation:
    """Load what a console reads the labels of these plans with, and check its other settings. Makes nothing.

    Raises `BlindsightError` naming what can't be used.
    """
    known = None
    if settings.known_answers is not None:
        known = load_known_answers(settings.known_answers)
        for head in heads:
            known.check_serves(head)
    groups = settings.label_groups()
    groups.check(label for head in heads for label in head.labels)
    meters = load_meters(settings.regions)
    meters.check(heads)
    meters.check_output(settings.readings)
    check_publishing(settings)
    check_tls(settings)
    check_folder(settings.state, "state")
    if settings.health_file is not None:
        check_file(settings.health_file, "health_file", makes_folders=True)
    passphrase = settings.secret_passphrase()
    key_set = load_key_set(settings.keys, passphrase)
    readers = tuple(ScoreReader(head, key_set) for head in heads)
    return Preparation(key_set, readers, load_times_key(key_set, passphrase), known, meters, groups)
