"""What the test puts in place of a reader's own names, addresses and devices. Nothing else of a command is changed."""

import re
import shlex
from collections.abc import Mapping
from functools import cache

from tests.docs.blocks import PAGES, Command, commands, page_blocks

SERVICES = ("bridge", "worker", "device", "console")

#: What stands in a page, and what is run. {…} are the session's own.
SUBSTITUTIONS = [
    # Hosts are this machine, and ports free ones.
    (r"provision site --devices 10", r"\g<0> --device-port {device} --service-port {service} --redis-port {redis}"),
    (r"--mqtt-host broker", "--mqtt-host 127.0.0.1"),
    (r"--mqtt-port 1884", "--mqtt-port {service}"),
    (r"redis://broker:6379", "redis://127.0.0.1:{redis}"),
    (r"\b9101\b", "{metrics}"),
    # `mosquitto_sub` ends after one message, in place of Ctrl-C.
    (r"mosquitto_sub -h broker", "mosquitto_sub -h 127.0.0.1 -p {device} -C 1 -W 60"),
    # The reader's own broker and web server are started by the page that has them.
    (r"mqtt://blindsight@homeassistant\.local --publish-mqtt-password-file home\.password", "mqtt://127.0.0.1:{home}"),
    (r"\b1889\b", "{home}"),
    (r"\b8099\b", "{hook}"),
    (r"\b8087\b", "{camera}"),
    # There may be other brokers on this machine.
    (r"\$\(pidof mosquitto\)", "{mosquitto}"),
    # Each machine's part of the site lies where `provision` made it.
    (r"(?<![\w/])(bridge|worker|console)/(password|redis-password)\b", r"site/\1/\2"),
    (r"(?<![\w/])(cam-\d\d)/password\b", r"site/devices/\1/password"),
    # The sample frames stand in for a camera, and a folder of the test for one of the system.
    (r"webcam:0", "samples:digits"),
    (r"/var/lib/blindsight", "cam-01-state"),
    # One process evaluates enough.
    (r"--concurrency 4", "--concurrency 1"),
]


def service_of(text: str) -> str | None:
    """Which service a command starts, if it starts one: such a command runs until it is stopped."""
    words = text.split()
    if len(words) < 2 or words[0] != "blindsight" or words[1] not in SERVICES:
        return None
    return words[1] if words[2:3] and words[2].startswith("-") else None


def expanded(text: str) -> str:
    """A command whose `…` is spelled out: the options of the first complete command of that kind, as the pages say."""
    if "…" not in text:
        return text
    kind = service_of(text.replace("…", "--rest"))
    assert kind is not None, f"… stands for a service's other settings, and this is none: {text}"
    given = _options(text.replace("…", ""))
    rest = [words for name, words in _options(_complete()[kind]).items() if name not in given]
    return text.replace("…", shlex.join(word for words in rest for word in words))


def substituted(text: str, facts: Mapping[str, object]) -> str:
    """The command that is run."""
    text = expanded(text)
    for pattern, replacement in SUBSTITUTIONS:
        text = re.sub(pattern, replacement, text)
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


@cache
def _complete() -> dict[str, str]:
    """The first command of each service that leaves nothing out."""
    found: dict[str, str] = {}
    for command in all_commands():
        kind = service_of(command.text)
        if kind and "…" not in command.text:
            found.setdefault(kind, command.text)
    return found


def all_commands() -> list[Command]:
    """The commands of all pages, run or not; those of the operator's page first, which the others build on."""
    pages = sorted(PAGES, key=lambda page: page.name != "operator.md")
    found = [block for page in pages for block in page_blocks(page) if block.language in ("console", "sh")]
    return [command for block in found for command in commands(block)]


def _options(text: str) -> dict[str, list[str]]:
    """The options of a command, each with its value if it has one."""
    found: dict[str, list[str]] = {}
    name = ""
    for word in shlex.split(text)[2:]:
        if word.startswith("--"):
            name = word
            found[name] = [word]
        elif name:
            found[name].append(word)
    return found
