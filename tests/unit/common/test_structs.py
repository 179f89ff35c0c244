"""Threads that decode messages at once, the first ones in their process."""

import os
import subprocess
import sys
from pathlib import Path

import common

CODE = """
import sys, threading
sys.setswitchinterval(1e-6)
from common.wire import messages
from common.wire.messages import Receipt, encode, decode
data = encode(Receipt(1, "00000000-0123456789abcdef", 1, 1.0, 2.0, 3.0, 4.0, 5.0))
start = threading.Barrier(16)

def work():
    start.wait()
    for _ in range(20):
        decode(data, Receipt)

threads = [threading.Thread(target=work) for _ in range(16)]
for each in threads: each.start()
for each in threads: each.join()
"""


def test_they_do_not_crash_the_process() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(common.__file__).parents[1])}
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
