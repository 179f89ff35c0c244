"""A worker whose acknowledgement was lost with its connection takes further tasks all the same."""

from collections.abc import Callable, Iterator

import kombu
import pytest
from kombu.transport import redis

from blindsight.demo.servers import Servers
from common.fleet.tasks import make_celery, turn_message
from tests.integration.fleet import make_fleet
from workers.intake import mend_kombu


@pytest.fixture(autouse=True)
def mended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for owner, name in (
        *((redis.Channel, name) for name in ("QoS", "_brpop_read", "_size")),
        (redis.Transport, "_deliver"),
        (redis, "loads"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back afterwards
    mend_kombu()
    yield


@pytest.mark.parametrize("end", [lambda message: message.ack(), lambda message: message.reject(requeue=True)])
def test_a_task_that_redis_never_hears_of_again_keeps_no_place(
    servers: Servers, tmp_path, end: Callable[[kombu.Message], None]
) -> None:
    fleet = make_fleet(servers, tmp_path)
    password = servers.redis_password_file.read_text().strip()
    with kombu.Connection(servers.redis_url, password=password) as connection:
        channel = connection.channel()
        channel.basic_qos(0, 1, False)
        queue = kombu.Queue("frames.test", channel=channel)
        queue.declare()
        turn = turn_message(make_celery(servers.redis_url), "test", "turn-1")
        fleet.redis().lpush("frames.test", turn)
        taken: list[kombu.Message] = []
        with kombu.Consumer(channel, [queue], on_message=taken.append):
            connection.drain_events(timeout=10)
            assert not channel.qos.can_consume()
            fleet.servers.kill("redis")
            with pytest.raises(connection.connection_errors):
                end(taken[0])
            assert channel.qos.can_consume()
            fleet.servers.start("redis")
