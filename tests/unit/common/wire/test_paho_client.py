"""What we use of paho beyond its documentation is there, in the version that is installed.

A new paho may change any of it. Each check says what to do then.
"""

import ast
import inspect
import socket
import ssl
from importlib.metadata import version

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes

from common.wire.paho_client import LastingClient

#: What LastingClient uses of paho's private names, and what each has to be.
PRIVATE = {
    "_packet_handle": "the method that paho's thread runs for each whole packet",
    "_in_packet": "the packet that is being read: `command` is its first byte, `packet` those behind its length so far",
}
#: Methods that LastingClient overrides, and who has to call each in paho's thread.
OVERRIDDEN = {
    "_packet_handle": "_packet_read",
    "loop_read": "_loop",
    "loop_forever": "_thread_main",
}


@pytest.fixture
def client() -> mqtt.Client:
    return mqtt.Client(CallbackAPIVersion.VERSION2)


def say(what: str) -> str:
    return f"paho-mqtt {version('paho-mqtt')}: {what}; mend LastingClient in common/wire/paho_client.py, and this test"


@pytest.mark.parametrize("name", PRIVATE)
def test_paho_has_the_private_names_that_we_use(client: mqtt.Client, name: str) -> None:
    assert hasattr(client, name), say(f"{name} is gone; find out what is now {PRIVATE[name]}")


def test_the_packet_that_is_being_read_has_its_parts(client: mqtt.Client) -> None:
    parts = client._in_packet
    assert isinstance(parts.get("command"), int), say("_in_packet['command'] isn't the packet's first byte")
    assert isinstance(parts.get("packet"), bytearray), say("_in_packet['packet'] isn't a bytearray that we may change")
    assert PacketTypes.PUBLISH == 3


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_paho_calls_what_we_override(name: str) -> None:
    caller = getattr(mqtt.Client, OVERRIDDEN[name], None)
    what = f"{OVERRIDDEN[name]} doesn't call {name} any more; find out what does its work, and override that"
    assert caller is not None and f"self.{name}(" in inspect.getsource(caller), say(what)


def test_these_are_all_the_private_names_that_we_use_and_none_of_our_own_is_one_of_paho_s(client: mqtt.Client) -> None:
    own = {name for name in vars(LastingClient) if name.startswith("_") and not name.startswith("__")} - set(PRIVATE)
    used = {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(LastingClient)))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
    }
    assert used - own == set(PRIVATE), (
        "common/wire/paho_client.py uses other private names of paho; tell them to PRIVATE"
    )
    taken = sorted(name for name in own if hasattr(client, name))
    assert not taken, say(f"its client has attributes {taken} of its own now; give ours other names")


def test_a_connection_that_is_cut_never_goes_on_without_its_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """`SSLSocket.shutdown` takes the TLS off: what paho's thread writes in that moment would go out in the clear."""
    client, (own, peer) = LastingClient(CallbackAPIVersion.VERSION2), socket.socketpair()
    context = ssl.create_default_context()
    with context.wrap_socket(own, server_hostname="broker", do_handshake_on_connect=False) as tls, peer:
        monkeypatch.setattr(client, "socket", lambda: tls)
        client.cut()
        assert peer.recv(1) == b""
        assert tls.read(1) == b""  # its end; without TLS this is a ValueError
