"""What a key holder counts of what it publishes, by target. Nothing tells one label or reading from another."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from common.publishing.outgoing import Target


class ForwardMetrics:
    """The series of forwarding, in the registry of a service; the label `to` is the target."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._forwarded = Counter(
            "blindsight_forwarded", "Labels and readings that were forwarded.", ["to"], registry=registry
        )
        self._failures = Counter(
            "blindsight_forward_failures", "Attempts to forward that failed.", ["to"], registry=registry
        )
        self._waiting = Gauge(
            "blindsight_forward_waiting", "Labels and readings that wait to be forwarded.", ["to"], registry=registry
        )

    def forwarded(self, target: Target, number: int) -> None:
        """So many events have arrived."""
        self._forwarded.labels(target).inc(number)

    def failed(self, target: Target) -> None:
        """An attempt has failed."""
        self._failures.labels(target).inc()

    def watch(self, target: Target, waiting: Callable[[], int]) -> None:
        """Begin the target's series; `waiting` gives how many events wait, and is called at each scrape."""
        self._forwarded.labels(target)
        self._failures.labels(target)
        self._waiting.labels(target).set_function(waiting)

    def forget(self, target: Target) -> None:
        """Ask no more how many events wait."""
        self._waiting.remove(target)
