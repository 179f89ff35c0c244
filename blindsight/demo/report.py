"""What a demo measured: counts, latencies, bytes, and the parts that were used."""

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Self

import numpy as np
from rich.table import Table

from blindsight.command_line.facts import facts_table
from blindsight.measure.evaluation import percentiles
from common.installed import blindsight_version
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.plan.layers import Array
from common.plan.network import Network
from common.plan.plan import Plan
from common.wire.messages import Custody
from edge.labels.results import Result

#: The distributions whose versions a report tells.
_LIBRARIES = ("Pyfhel", "numpy", "paho-mqtt", "celery", "redis", "msgspec")


@dataclass(frozen=True)
class Expectation:
    """What a source's frame shows, what the plain model says of it, and how far that score leads the next best."""

    truth: str
    plain: str
    lead: float

    @classmethod
    def of(cls, network: Network, truth: str, scores: Array) -> Self:
        """For the scores, shape (labels,), that the network gives the frame in plain."""
        lead = float(np.diff(np.sort(scores)[-2:]).sum())  # without another label there is no lead to lose
        return cls(truth, network.labels[int(scores.argmax())], lead if len(scores) > 1 else np.inf)


def make_report(
    plan: Plan,
    results: Sequence[Result],
    expected: Mapping[str, Expectation],
    frames: int,
    keys: EvaluationKeysHeader,
    servers: Mapping[str, Mapping[str, str]],
    custody: Custody = "device",
) -> dict[str, object]:
    """The JSON report of a demo; stages and latencies in ms, sizes in bytes.

    `too_close` counts the frames whose two best scores in plain are so near that the errors of encryption, within
    their bound, may change the label. Stages are those of a burst; `evaluate_ms_per_frame`, `uplink_bytes` and
    `downlink_bytes` are a frame's share, on average.
    """
    by_frame = Counter((result.device, result.source) for result in results)
    parameters = plan.head.parameters
    stages = {name: [r.stages_ms[name] for r in results] for name in (results[0].stages_ms if results else ())}
    return {
        "model": plan.head.model,
        "plan": plan.head.hash,
        "custody": custody,
        "sealed": plan.head.sealed_for is not None,
        "frames": frames,
        "frames_per_ciphertext": plan.head.frames_per_ciphertext,
        "labelled": len(by_frame),
        "duplicates": sum(by_frame.values()) - len(by_frame),
        "correct": sum(r.label == expected[r.source].truth for r in results),
        "agree_with_plain": sum(r.label == expected[r.source].plain for r in results),
        "too_close": sum(expected[r.source].lead <= 2 * plan.head.error_bound for r in results),
        "latency_ms": percentiles([r.latency_ms for r in results]) if results else None,
        "stages_ms": {name: percentiles(values)["p50"] for name, values in stages.items()},
        "evaluate_ms_per_frame": _evaluate_ms_per_frame(results),
        "pipeline_adds_ms": _overhead(results),
        "uplink_bytes": _mean([r.uplink_bytes for r in results]),
        "downlink_bytes": _mean([r.downlink_bytes for r in results]),
        "evaluation_key_bytes": keys.size,
        "rotations": plan.rotations,
        "security_bits": parameters.security_bits,
        "ring_dimension": parameters.ring_dimension,
        "modulus_bits": parameters.modulus_bits,
        "parts": {
            **{name: dict(part) for name, part in servers.items()},
            "python": {"version": platform.python_version()},
            "blindsight": {"version": blindsight_version()},
            **{name: {"version": metadata.version(name)} for name in _LIBRARIES},
        },
    }


def closing_table(report: Mapping[str, object]) -> Table:
    """The report for people."""
    together = "" if report["frames_per_ciphertext"] == 1 else "frames_per_ciphertext evaluate_ms_per_frame"
    unclear = "" if report["agree_with_plain"] == report["labelled"] else "too_close"
    names = (
        f"custody sealed frames labelled duplicates correct agree_with_plain {unclear} readings latency_ms stages_ms "
        f"{together} uplink_bytes downlink_bytes evaluation_key_bytes rotations security_bits "
        "ring_dimension modulus_bits"
    )
    facts = {key.replace("_", " "): _text(report[key]) for key in names.split() if report.get(key) not in (None, {})}
    return facts_table("encrypted frames in, encrypted labels out", facts)


def _overhead(results: Sequence[Result]) -> float | None:
    """Median of what is neither encryption, evaluation nor decryption; waiting and the loading of keys count."""
    if not results:
        return None
    own = ("encrypt", "evaluate", "decrypt")
    return round(float(np.median([r.latency_ms - sum(r.stages_ms[name] for name in own) for r in results])), 1)


def _evaluate_ms_per_frame(results: Sequence[Result]) -> float | None:
    """The time of all evaluations, each of one burst, by the number of frames."""
    bursts = {(r.device, r.job): r.stages_ms["evaluate"] for r in results}
    return round(sum(bursts.values()) / len(results), 1) if results else None


def _mean(values: Sequence[int]) -> int | None:
    return round(sum(values) / len(values)) if values else None


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
