"""Many threads that need the pipeline first get all of it."""

from __future__ import annotations

import subprocess
import sys

from core.settings import ROOT

SCRIPT = """
import threading
from pages.engine import load_analyse
found, errors = [], []
def ask():
    try:
        found.append(load_analyse())
    except BaseException as error:
        errors.append(error)
threads = [threading.Thread(target=ask) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not errors and len(found) == 6 and len(set(found)) == 1, errors
"""


def test_threads_that_load_the_pipeline_at_once_all_get_it() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr
