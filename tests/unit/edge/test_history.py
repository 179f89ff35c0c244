"""A device that keeps its labels' history feeds it with what it records."""

from pathlib import Path

from common.history.history_file import FILE
from common.history.views import LabelFilter, ReadingFilter
from common.readings.reader import Taken
from edge.camera.framing import WholePicture
from edge.service import Parts, assemble
from edge.settings import AgentSettings
from tests.integration.fleet import wait_for
from tests.unit.common.history.events import label, reading
from tests.unit.console.bench import make_head
from tests.unit.edge.entries import add


def parts(folder: Path, keeps_history: bool) -> Parts:
    head = make_head()
    framing = WholePicture(head.frame_shape, False)
    return Parts("cam-a", folder, head, None, framing, None, lambda: None, keeps_history=keeps_history)


def test_labels_and_readings_are_in_the_history_of_its_folder(tmp_path: Path) -> None:
    with assemble(AgentSettings(state=tmp_path), parts(tmp_path, True)) as device:
        history, job = device.history, add(device.outbox)
        assert history is not None and (tmp_path / FILE).exists()
        device.agent._publisher.start()
        device.outbox.answer(job, [(0, b"")], 1.0, 0, [label(1)], Taken("cam-a", [reading(1)]))
        device.agent._publisher.wake()
        wait_for("the label", lambda: device.outbox.outgoing.waiting("history") == 0)
        device.agent._publisher.close()
        assert [view.counter for view in history.all_labels(LabelFilter())] == [1]
        assert [view.value for view in history.all_readings(ReadingFilter("cam-a"))] == ["1.5"]


def test_there_is_none_unless_it_is_asked_for(tmp_path: Path) -> None:
    with assemble(AgentSettings(state=tmp_path), parts(tmp_path, False)) as device:
        assert device.history is None and not (tmp_path / FILE).exists()
        device.outbox.answer(add(device.outbox), [(0, b"")], 1.0, 0, [label(1)])
        assert device.outbox.outgoing.waiting("history") == 0
