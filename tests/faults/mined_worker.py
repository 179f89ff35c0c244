"""`python -m tests.faults.mined_worker worker …`: the worker's own command, that kills itself where a mine lies.

The folder `MINES` (an environment variable) holds the mines, as empty files. One that is named after a point is used up
by the first process that steps on it:

    popped      the parent, when it has a task from Redis that isn't recorded there as unacknowledged
    begun       the child, when it has counted the attempt and is in the middle of the evaluation
    answered    the child, when the label is published and the task isn't acknowledged

`begun-PREFIX` kills each child that is in the middle of an evaluation of such a frame, and stays: a poison frame.
PREFIX is the beginning of a device, a slash and a job, such as `begun-cam-a:00000003`, with a colon for the slash.
"""

import os
import signal
import sys
from pathlib import Path

from blindsight.cli import main
from common.wire.messages import EncryptedScores, Task
from workers.answers import Answers
from workers.evaluation.engine import LoadedKeys, PreparedPlan
from workers.processor import Processor
from workers.unacknowledged_tasks import UnacknowledgedTasks

MINES = "MINES"


def step_on(point: str) -> None:
    """Die here if there is a mine, which is used up."""
    try:
        (_folder() / point).unlink()
    except FileNotFoundError:
        return
    _die()


def _folder() -> Path:
    return Path(os.environ[MINES])


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class MinedQoS(UnacknowledgedTasks):
    """Kombu's record of unacknowledged tasks."""

    def append(self, message: object, delivery_tag: str) -> None:
        step_on("popped")
        super().append(message, delivery_tag)


class MinedPlan:
    """Evaluates a frame to its end; where a mine lies, that was in vain."""

    task: Task | None = None

    def __init__(self, plan: PreparedPlan) -> None:
        self._plan, self.head = plan, plan.head

    def evaluate(self, keys: LoadedKeys, burst: bytes, rounded: bool = False) -> bytes:
        scores = self._plan.evaluate(keys, burst, rounded)
        step_on("begun")
        assert MinedPlan.task is not None
        name = f"begun-{MinedPlan.task.device}:{MinedPlan.task.job}"
        if any(name.startswith(mine.name) for mine in _folder().glob("begun-*")):
            _die()
        return scores


class MinedProcessor(Processor):
    """Tells the plan which task is in work."""

    def handle(self, task: Task) -> None:
        MinedPlan.task = task
        super().handle(task)


class MinedAnswers(Answers):
    """Knows when a label is published."""

    def give(self, task: Task, label: EncryptedScores) -> None:
        super().give(task, label)
        step_on("answered")


if __name__ == "__main__":
    from workers import app, preparation, processor, unacknowledged_tasks
    from workers.evaluation.burst_evaluation import prepare_plans

    unacknowledged_tasks.UnacknowledgedTasks = MinedQoS  # type: ignore[misc]
    preparation.prepare_plans = lambda paths, engine: {
        name: MinedPlan(plan) for name, plan in prepare_plans(paths, engine).items()
    }
    processor.Answers = MinedAnswers  # type: ignore[misc]
    app.Processor = MinedProcessor  # type: ignore[misc]
    assert sys.argv[1] == "worker"
    main()
