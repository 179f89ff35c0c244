"""Room for metrics that several processes count together; prometheus-client looks for it when it is imported."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

#: The environment variable by which prometheus-client finds the folder.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_counts() -> Iterator[None]:
    """A temporary folder for the counts of this process's children; to be entered before metrics are imported."""
    with tempfile.TemporaryDirectory(prefix="blindsight-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]
