"""A worker's jobs in Redis: whose turn it is, a burst's bytes and evaluation keys, attempts, and kept labels."""

from typing import cast

import redis

from common.ckks.ciphertext import digest_of
from common.errors import WireError
from common.fleet.junk import count_up, discard_wrong
from common.fleet.redis_keys import attempts_key, keys_digest_key, keys_key, result_key
from common.fleet.scripts import Script
from common.fleet.time_limits import visibility_timeout
from common.fleet.turns import Turns
from common.logs import get_logger
from common.wire import messages
from common.wire.messages import EncryptedScores, Task
from workers.keys.stored_keys import StoredKeys
from workers.redis_errors import log_redis_errors
from workers.refusal import RefusedError

#: Evaluations of a job that may begin. A job whose evaluations all began and never ended is refused for good.
MAX_ATTEMPTS = 3
#: Seconds for which the attempts of a job are remembered.
_ATTEMPTS_TTL = 3600
#: Seconds that a turn may wait in its queue once it was handed back.
_TURN_WAITS = 600
#: Bytes of the largest burst that is read: MQTT brings none that is larger.
_MOST_BYTES = 64 * 1024 * 1024

#: A script that takes an attempt back where one is counted: a process may be stopped between forgetting attempts in
#: Redis and noting that it did, or Redis may have lost them. A count below zero would let a burst that kills workers
#: begin once more, and would stay for good.
_HAND_BACK = """
if number(run('GET', KEYS[1])) > 0 then run('DECR', KEYS[1]) end
return {wrong}
"""

log = get_logger(__name__)


class Jobs:
    """The jobs of one process, one at a time.

    An attempt is counted before its evaluation begins, so that a burst which kills its worker isn't tried for ever.
    A label is kept for `result_ttl` seconds, so that a job that comes again is answered without another evaluation.
    `time_limit` is that of an evaluation, in seconds. Methods raise `redis.RedisError` unless they say otherwise.
    """

    def __init__(self, client: "redis.Redis", time_limit: int, result_ttl: int) -> None:
        self._redis, self._result_ttl = client, result_ttl
        # A turn that comes again is known for as long as Redis may hold it back, and may then wait once more.
        self._turns = Turns(client, 2 * visibility_timeout(time_limit) + _TURN_WAITS)
        self._hand_back = Script(client, _HAND_BACK)
        #: Where the attempt in work is counted in Redis; None while no evaluation is in work.
        self._attempt_in_work: str | None = None

    def take(self, turn: str, plan: str, another: str) -> Task | None:
        """The job of a turn of the plan with this hash; None when no burst waits.

        `another` is a turn for the next burst, for a plan whose bursts have none.
        """
        self._attempt_in_work = None
        return self._turns.take(turn, plan, another)

    def end(self, turn: str) -> None:
        """The job of a turn is answered or refused. Raises nothing: an error of Redis is logged."""
        with log_redis_errors("the burst may be answered once more"):
            self._turns.end(turn)

    def kept_label(self, task: Task) -> EncryptedScores | None:
        """The label of an earlier evaluation of the job; None when none is kept, or its bytes were damaged."""
        data = cast("bytes | None", self._redis.get(result_key(task.device, task.job)))
        try:
            return None if data is None else messages.decode(data, EncryptedScores)
        except WireError as error:
            log.warning("a label that was kept is damaged; evaluating again", error=str(error))
            return None

    def burst(self, task: Task) -> bytes:
        """The burst's ciphertexts in their wire form. Raises `RefusedError` when they are gone or were damaged."""
        burst = cast("bytes", self._redis.getrange(task.blob, 0, _MOST_BYTES))
        if not burst and not self._redis.exists(task.blob):
            raise RefusedError("expired", "the frame was dropped before a worker took it; send it again")
        if digest_of(burst) != task.job.rpartition("-")[2]:
            raise RefusedError("corrupted", "the ciphertext isn't the one that the job was named after; send it again")
        return burst

    def keys(self, task: Task) -> StoredKeys:
        """The evaluation keys of whoever encrypted the burst, as Redis has them."""
        return StoredKeys(self._redis, task.key_owner, task.key_set)

    def begin(self, task: Task) -> None:
        """Count an attempt before its evaluation begins. Raises `RefusedError` when there were `MAX_ATTEMPTS`."""
        key = attempts_key(task.device, task.job)
        attempts = count_up(self._redis, key, 1, _ATTEMPTS_TTL)
        self._attempt_in_work = key
        if attempts > MAX_ATTEMPTS:
            raise RefusedError("failed", f"its evaluation was begun {MAX_ATTEMPTS} times and never finished")

    def finish(self, task: Task, label: EncryptedScores) -> None:
        """An evaluation ended well: forget the job's attempts, and keep the label in case the job comes again.

        Raises nothing: an error of Redis is logged, since the label is there to be published.
        """
        with log_redis_errors("its frame would be evaluated again, should it come again"):
            self.forget_attempts(task)  # first: this needs no memory
            self._redis.set(result_key(task.device, task.job), messages.encode(label), ex=self._result_ttl)
        self._attempt_in_work = None

    def hand_back(self) -> None:
        """The evaluation in work, if any, is left to another worker: it is no failed attempt."""
        if self._attempt_in_work is not None:
            self._hand_back([self._attempt_in_work], [])

    def forget_attempts(self, task: Task) -> None:
        """The job begins anew, should it come again."""
        self._redis.delete(attempts_key(task.device, task.job))
        self._attempt_in_work = None

    def discard_wrong(self, task: Task) -> bool:
        """Delete what stands under the job's keys and has another type than ours; whether there was anything."""
        keys = [task.blob, result_key(task.device, task.job), attempts_key(task.device, task.job)]
        keys += [keys_key(task.key_owner, task.key_set), keys_digest_key(task.key_owner, task.key_set)]
        return discard_wrong(self._redis, dict.fromkeys(keys, "string"))
