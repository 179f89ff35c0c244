"""Access that is taken away is gone at once."""

import os
import shutil
import subprocess

import pytest

from blindsight.demo.servers import Servers
from broker.provisioning.provision import Wishes, provision
from broker.provisioning.reload import forget_commands, forget_statuses, reload_broker
from common.errors import BrokerError, ConfigurationError
from tests.integration.broker.access.connections import connection
from tests.integration.fleet import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]


def test_a_revoked_and_a_renewed_device_are_cut_off_at_once_and_no_other(servers: Servers) -> None:
    status, pid = "blindsight/v1/cam-h/status", servers.processes["mqtt"].pid
    with (
        connection(servers, "cam-h") as (revoked, _),
        connection(servers, "cam-g") as (renewed, _),
        connection(servers, "cam-a") as (other, _),
        connection(servers, "bridge", status) as (bridge, seen),
    ):
        revoked.publish_confirmed(status, b"{}", 5, retain=True)
        site = provision(servers.site.folder, wishes=Wishes(revoke=["cam-h"], renew=["cam-g"]))
        reload_broker(pid)
        forget_statuses(site, ["cam-h"])
        for cut in (revoked, renewed):
            with pytest.raises(BrokerError, match=r"refuses user 'cam-[gh]'"):
                wait_for("the refusal", lambda cut=cut: cut.check(), 30)
        assert other.connected and bridge.connected
        assert seen[-1].payload == b""
    with connection(servers, "cam-g") as (again, _):
        assert again.connected
    with connection(servers, "bridge", status) as (bridge, kept):
        assert not kept
        bridge.publish_confirmed(status, b"{}", 5, retain=True)
        if shutil.which("mosquitto_pub"):  # the same by hand
            (command,) = forget_commands(site, ["cam-h"])
            subprocess.run(["sh", "-e", "-c", command.removeprefix("then: ")], check=True)
            wait_for("its end", lambda: kept[-1].payload == b"")


def test_only_mosquitto_is_told_to_reload() -> None:
    with pytest.raises(ConfigurationError, match=rf"--reload is {os.getpid()}, which is '.*' and not mosquitto"):
        reload_broker(os.getpid())
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        reload_broker(2**22 + 1)
