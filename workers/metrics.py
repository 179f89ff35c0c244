"""The metrics of a worker's processes. The parent serves the sums over them (`common.service.metrics.of_children`)."""

from prometheus_client import Counter, Gauge

from common.fleet.junk import count_junk
from common.service.metrics import stage_seconds
from common.wire.messages import EncryptedScores, fleet_stages
from workers.evaluation.pyfhel.weights import WeightCache

# Without a registry: the processes count in files, and only the parent reads these.
EVALUATED = Counter("blindsight_frames_evaluated", "Frames whose evaluation ended well.", registry=None)
ANSWERED = Counter("blindsight_frames_answered", "Frames whose label was published.", registry=None)
FAILURES = Counter("blindsight_evaluation_failures", "Evaluations that failed, and come again.", registry=None)
REFUSED = Counter("blindsight_refused", "Bursts refused.", ["reason"], registry=None)
KEY_CACHE = Counter("blindsight_key_cache", "Looks for a key set in a process.", ["result"], registry=None)
KEY_SETS = Gauge("blindsight_key_sets", "Key sets held or mapped.", multiprocess_mode="livesum", registry=None)
WEIGHT_READS = Gauge(
    "blindsight_weight_reads",
    "Sealed weights read from a plan's file by the processes that run.",
    multiprocess_mode="livesum",
    registry=None,
)
WEIGHT_BYTES = Gauge(
    "blindsight_weight_cache_bytes", "Sealed weights held in memory.", multiprocess_mode="livesum", registry=None
)
CONNECTIONS = Counter("blindsight_mqtt_connections", "Times that the MQTT broker was reached.", registry=None)
STAGES = stage_seconds(None)
JUNK = Counter("blindsight_junk", "Values in Redis that weren't ours, and were thrown away.", registry=None)
count_junk(JUNK.inc)


def count_evaluation(label: EncryptedScores, weights: WeightCache) -> None:
    """Count a burst that was evaluated, and what the cache of sealed weights holds since then."""
    EVALUATED.inc(label.frames)
    for stage, seconds in fleet_stages(label).items():
        STAGES.labels(stage).observe(max(seconds, 0))  # differences between two clocks may be negative
    WEIGHT_READS.set(weights.reads)
    WEIGHT_BYTES.set(weights.used)
