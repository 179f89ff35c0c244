"""`blindsight model evaluate`: what was measured, for people."""

from collections.abc import Mapping

from rich.table import Table

from blindsight.command_line.facts import facts_table, in_bytes
from blindsight.measure.evaluation import Evaluation, Simulation
from blindsight.measure.groups import GroupScores

#: Hexadecimal digits of a plan's hash that are shown.
_HASH_DIGITS = 12


def result_table(result: Evaluation | Simulation) -> Table:
    """The table that `evaluate` ends with."""
    if isinstance(result, Simulation):
        return facts_table("the plan without encryption, against the plain model", _simulation(result))
    return facts_table("encrypted frames, against the plain model", _evaluation(result))


def group_table(scores: GroupScores) -> Table:
    """Precision and recall of each group, below it."""
    table = Table("group", "frames", "precision", "recall", title="groups of labels")
    for each in scores.groups:
        shares = ("" if share is None else _share(share) for share in (each.precision, each.recall))
        table.add_row(each.group or "(in no group)", f"{each.frames:,}", *shares)
    return table


def _simulation(result: Simulation) -> dict[str, str | None]:
    return {
        "model": result.model,
        "plan": result.plan[:_HASH_DIGITS],
        "frames": f"{result.frames:,}",
        "accuracy, plain": _share(result.plain_accuracy),
        "accuracy, simulated": _share(result.simulated_accuracy),
        "labels that agree": _share(result.agreement),
        **_groups(result.groups, "simulated"),
        "largest difference of a score": f"{result.max_score_difference:.2g}",
    }


def _evaluation(result: Evaluation) -> dict[str, str | None]:
    together = result.frames_per_ciphertext
    several = together > 1
    rotations = result.evaluate_in_rotations
    return {
        "model": result.model,
        "plan": result.plan[:_HASH_DIGITS],
        "engine": ", ".join(result.engine.values()),
        "security": f"{result.security_bits} bits",
        "ring dimension": f"{result.ring_dimension:,}",
        "modulus": f"{result.modulus_bits} bits",
        "frames": f"{result.frames:,}" + (f", {together:,} in a ciphertext" if several else ""),
        "accuracy, plain, of all frames": _share(result.plain_accuracy),
        "accuracy, plain, of these frames": _share(result.plain_accuracy_same_frames),
        "accuracy, encrypted": _share(result.encrypted_accuracy),
        "labels that agree": _share(result.agreement),
        **_groups(result.groups, "encrypted"),
        "largest error of a score": f"{result.max_score_error:.2g}; the plan's bound is {result.score_error_bound:.2g}",
        "evaluation": _times(result.evaluate_ms),
        "evaluation, a frame": f"{result.ms_per_frame:,.1f} ms" if several else None,
        "evaluation, predicted": f"{result.predicted_ms:,.1f} ms",
        "evaluation, in rotations": None if rotations is None else f"{rotations:.1f} rotations' time",
        "rotations": f"{result.rotations:,}" + _each(result.rotation_ms),
        "encryption": _times(result.encrypt_ms),
        "decryption": _times(result.decrypt_ms),
        "evaluation keys": in_bytes(result.key_bytes),
        "up": in_bytes(result.uplink_bytes),
        "down": in_bytes(result.downlink_bytes),
    }


def _groups(scores: GroupScores | None, evaluated: str) -> dict[str, str | None]:
    if scores is None:
        return {}
    return {
        "accuracy by groups, plain, of all frames": _share(scores.plain_accuracy),
        f"accuracy by groups, {evaluated}": _share(scores.accuracy),
    }


def _share(share: float) -> str:
    return f"{share:.2%}"


def _times(percentiles: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {ms:,.1f} ms" for name, ms in percentiles.items())


def _each(ms: float | None) -> str:
    return "" if ms is None else f", of {ms:.2f} ms each"
