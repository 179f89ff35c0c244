"""What the parent prepares serves the processes that are forked from it, with the native engine."""

import multiprocessing
import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from common.ckks.ciphertext import encode_ciphertexts
from common.ckks.fhe import Context
from common.engine_names import EngineName
from compiler.compile import compile_network
from tests.encrypted import evaluation_keys
from tests.networks import random_frames, small_network
from workers import preparation
from workers.evaluation.engines import why_not_native
from workers.preparation import Evaluation, prepare_to_fork, with_engine
from workers.settings import WorkerSettings


@pytest.fixture(autouse=True)
def only_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done before each fork isn't undone."""
    monkeypatch.setattr(os, "register_at_fork", lambda **_: None)


def settings_for(folder: Path, engine: EngineName) -> WorkerSettings:
    return WorkerSettings(plans=[folder / "small.plan"], engine=engine, redis_url="redis://none")


def answer(evaluation: Evaluation, keys: bytes, burst: bytes, parent: Connection) -> None:
    (plan,) = evaluation.plans.values()
    parent.send_bytes(plan.evaluate(evaluation.engine.load_keys(keys), burst))


def test_forked_processes_evaluate_as_their_parent_does_and_those_of_pyfhel_prepare_for_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = small_network()
    plan = compile_network(network, random_frames(network, 16), error_budget=0.25)
    plan.save(tmp_path / "small.plan")
    assert prepare_to_fork(settings_for(tmp_path, "pyfhel")) is None
    if why_not_native():
        return
    evaluation = prepare_to_fork(settings_for(tmp_path, "native"))
    assert evaluation is not None
    monkeypatch.setattr(preparation, "prepare_plans", None)  # no process prepares again
    context = Context(plan.head.parameters)
    context.generate_keys(plan.head.rotations)
    frames = plan.head.lay_out(random_frames(network, 1))
    burst = encode_ciphertexts(context, [context.encrypt(slots, plan.head.input_scale) for slots in frames])
    keys, answers = evaluation_keys(plan, context), []
    for _ in range(2):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=answer, args=(evaluation, keys, burst, theirs))
        process.start()
        answers.append(ours.recv_bytes())
        process.join()
    (prepared,) = evaluation.plans.values()
    assert answers == [prepared.evaluate(evaluation.engine.load_keys(keys), burst)] * 2


def test_a_worker_that_runs_on_pyfhel_makes_no_folder(tmp_path: Path) -> None:
    network = small_network()
    compile_network(network, random_frames(network, 16), error_budget=0.25).save(tmp_path / "small.plan")
    wanted = settings_for(tmp_path, "pyfhel").model_copy(update={"key_folder": tmp_path / "keys"})
    assert with_engine(wanted).key_folder is None
    assert not (tmp_path / "keys").exists()


@pytest.mark.skipif(why_not_native() is not None, reason="the extension isn't installed")
def test_no_process_imports_anything_of_its_own_to_end_with_its_parent(tmp_path: Path) -> None:
    code = f"""
import os, sys
import celery.concurrency.prefork
from billiard.util import set_pdeathsig
from workers import preparation
from workers.settings import WorkerSettings
preparation.prepare = lambda settings: None
preparation.prepare_to_fork(WorkerSettings(plans=["{tmp_path}/none"], engine="native", redis_url="redis://none"))
process = os.fork()
if not process:
    before = len(sys.modules)
    set_pdeathsig(9)
    os._exit(len(sys.modules) - before)
assert os.waitpid(process, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True)
