"""The keys in Redis that bridges and workers share, and the name of a plan's queue."""


def queue_of(plan_hash: str) -> str:
    """The queue of a plan, which the workers that serve the plan consume; also the key of the queue's list."""
    return f"frames.{plan_hash}"


def blob_key(device: str, job: str) -> str:
    """Where the bridge puts the ciphertexts of a burst, as a string of bytes."""
    return f"blindsight:frame:{device}:{job}"


def result_key(device: str, job: str) -> str:
    """Where a worker keeps a label, to answer a repeated job again."""
    return f"blindsight:result:{device}:{job}"


def attempts_key(device: str, job: str) -> str:
    """Where workers count how often they began the evaluation of a job."""
    return f"blindsight:attempts:{device}:{job}"


def keys_key(owner: str, fingerprint: str) -> str:
    """Where the complete evaluation keys of a device, or of the console, are. No key holder can write another's."""
    return f"blindsight:keys:{owner}:{fingerprint}"


def keys_digest_key(owner: str, fingerprint: str) -> str:
    """Where the SHA-256 of those keys is, as their holder announced it."""
    return f"blindsight:keys-sha256:{owner}:{fingerprint}"


def upload_key(device: str, fingerprint: str) -> str:
    """Where evaluation keys gather while they are uploaded."""
    return f"blindsight:upload:{device}:{fingerprint}"


def upload_identity_key(device: str, fingerprint: str) -> str:
    """Which upload gathers there: its total in bytes, and its SHA-256."""
    return f"blindsight:upload-of:{device}:{fingerprint}"


def key_sets_key(owner: str) -> str:
    """The fingerprints of a key holder's key sets, complete or under way; the one that was asked for last is last."""
    return f"blindsight:key-sets:{owner}"
