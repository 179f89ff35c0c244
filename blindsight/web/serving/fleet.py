"""An operator's site, put together and served."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from blindsight.web.serving.site import ServedSite
from blindsight.web.settings.status import StatusWebSettings
from blindsight.web.sites.fleet_site import FleetSite, FleetWatch
from common.errors import ConfigurationError
from common.service.health import Health
from common.service.metrics import watched


@contextmanager
def fleet_web(settings: StatusWebSettings) -> Iterator[None]:
    """An operator's site, served. Raises `BlindsightError` naming what can't be used."""
    if settings.web_state is None:
        raise ConfigurationError("web needs a folder for its accounts; give --web-state FOLDER")
    watch = FleetWatch(settings)
    with (
        watch.running(),
        ServedSite(FleetSite(watch, settings), settings, settings.web_state) as served,
        watched(settings, Health(served.check), CollectorRegistry()),
    ):
        yield
