"""What a device hears of its burst, and what is left of the burst in Redis: nothing."""

import redis

from common.fleet.registry import Registry
from common.fleet.waiting import WaitingBursts
from common.logs import get_logger
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.messages import EncryptedScores, ErrorReply, Task, explained
from workers import metrics
from workers.redis_errors import log_redis_errors
from workers.refusal import RefusedError

#: Seconds that an answer may take to reach the broker, and again to be acknowledged.
_PUBLISH_TIMEOUT = 15.0

log = get_logger(__name__)


class Answers:
    """Publishes labels and refusals, confirmed by the broker. `worker` is the worker's name in the registry.

    Methods raise `BrokerError` when an answer couldn't be published, and never `redis.RedisError`: what Redis fails
    to hear of an answer is logged.
    """

    def __init__(self, mqtt: MqttConnection, client: "redis.Redis", worker: str) -> None:
        self._mqtt, self._worker = mqtt, worker
        self._registry, self._waiting = Registry(client), WaitingBursts(client)

    def give(self, task: Task, label: EncryptedScores) -> None:
        """Publish a label. Its burst waits no more, and the registry counts its frames."""
        self._publish(topics.labels(task.device, task.job), messages.encode(label))
        self._leave(task)
        with log_redis_errors("the registry counts too few frames"):
            self._registry.count(self._worker, task.frames)
        metrics.ANSWERED.inc(task.frames)
        log.info("answered", evaluate_ms=round((label.finished_at - label.started_at) * 1000))

    def refuse(self, task: Task, refusal: RefusedError) -> ErrorReply:
        """Publish why there is no label; gives the reply."""
        metrics.REFUSED.labels(refusal.reason).inc()
        reply = ErrorReply(1, task.job, refusal.reason, explained(refusal))
        log.warning("refused", reason=reply.reason, detail=reply.detail)
        self._leave(task)  # before the device can hear it, and send the frame again
        self._publish(topics.errors(task.device, task.job), messages.encode(reply))
        return reply

    def _leave(self, task: Task) -> None:
        """A burst waits no more, and its bytes are gone."""
        with log_redis_errors("the burst still counts as waiting"):
            self._waiting.done(task.device, task.job)

    def _publish(self, topic: str, payload: bytes) -> None:
        self._mqtt.check()
        self._mqtt.publish_confirmed(topic, payload, _PUBLISH_TIMEOUT)
