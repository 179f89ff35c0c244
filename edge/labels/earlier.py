"""What a device needs for frames of earlier plans: the plans' heads, and key sets.

A device that is started with another plan may have frames of the earlier one in its outbox. Each
gets the label of its own plan: the head of every plan that a pending or parked entry names stays in
the state folder, and so does its key set where the new plan needed another one
(`edge.encryption`). The next start deletes heads and key sets that no entry needs any more.
"""

from pathlib import Path

from common.errors import BlindsightError
from common.keys.key_set import KeySet, load_fingerprint, load_key_set
from common.keys.scores import ScoreReader
from common.logs import get_logger
from common.plan.plan import PlanHead
from common.plan.plan_file import load_head
from edge.encryption import drop_key_set, key_set_folders, later_key_set_folders
from edge.outbox.outbox import Outbox

log = get_logger(__name__)

#: Readers of labels, by fingerprint of the key set and hash of the plan.
Readers = dict[tuple[str, str], ScoreReader]


def keep_head(folder: Path, head: PlanHead, outbox: Outbox) -> None:
    """Keep the head of the plan that frames are encrypted for, and delete those that no entry needs.

    Raises `OutboxError`.
    """
    folder.mkdir(exist_ok=True)
    needed = {head.hash, *(plan for _, plan in outbox.users())}
    for path in folder.iterdir():
        if path.name.removesuffix(".head") not in needed:
            path.unlink()
    partial = folder / f"{head.hash}.partial"  # a crash must not leave half a head
    head.save(partial)
    partial.rename(folder / f"{head.hash}.head")


def open_readers(
    heads: Path, keys: Path, head: PlanHead, key_set: KeySet, outbox: Outbox, passphrase: str | None
) -> Readers:
    """Readers for all entries of the outbox, the first one for new frames; deletes key sets that no entry needs.

    Where a head or key set is gone, the log says so: those entries are sent until their deadline. Raises
    `OutboxError`, and `KeySetError` for a damaged key set.
    """
    readers: Readers = {(key_set.fingerprint, head.hash): ScoreReader(head, key_set)}
    users = outbox.users()
    needed = {key_set.fingerprint, *(fingerprint for fingerprint, _ in users)}
    for folder in later_key_set_folders(keys):
        if load_fingerprint(folder) not in needed:
            log.info("forgot an earlier key set, which no frame needs", folder=str(folder))
            drop_key_set(folder)
    sets = {key_set.fingerprint: key_set}
    for fingerprint, plan in sorted(users - readers.keys()):
        try:
            if fingerprint not in sets:
                sets[fingerprint] = _load(keys, fingerprint, passphrase)
            readers[fingerprint, plan] = ScoreReader(load_head(heads / f"{plan}.head"), sets[fingerprint])
        except BlindsightError as error:
            log.error("labels of earlier frames can't be read", plan=plan[:12], reason=str(error))
    return readers


def _load(keys: Path, fingerprint: str, passphrase: str | None) -> KeySet:
    for folder in key_set_folders(keys):
        if load_fingerprint(folder) == fingerprint:
            return load_key_set(folder, passphrase)
    raise BlindsightError(f"key set {fingerprint[:12]} isn't in {keys}; start the device with the --keys it had")
