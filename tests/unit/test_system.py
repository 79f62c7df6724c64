"""What the machine does, and the latest log lines."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import system
from core.logs import bound, current
from core.settings import ROOT
from tests.unit.store_samples import settings_in


@pytest.fixture
def recent() -> Iterator[system.RecentLog]:
    found = system.watch(lines=5)
    yield found
    for name in ("core", "pages"):
        logging.getLogger(name).removeHandler(found)


def test_the_machine_has_cores_memory_and_disk(tmp_path: Path) -> None:
    now = system.machine(settings_in(tmp_path / "not" / "yet"))
    assert now.cores >= 1
    assert 0.0 <= now.cpu_load <= 1.0
    assert 0 < now.memory_used <= now.memory_total
    assert 0 < now.process_bytes < now.memory_total
    assert now.disk_free > 0


def test_asking_for_models_loads_no_torch() -> None:
    code = (
        "import sys; from core import system; from core.settings import build_settings;"
        "assert system.models(build_settings()) == []; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_latest_lines_are_kept_by_request(recent: system.RecentLog) -> None:
    log = logging.getLogger("core.anything")
    log.warning("outside")
    with bound():
        mine = current()
        log.warning("inside %d", 1, extra={"seconds": 2})
    assert [line["message"] for line in recent.lines()] == ["outside", "inside 1"]
    assert [line["message"] for line in recent.lines(str(mine))] == ["inside 1"]
    for number in range(9):
        log.warning("%d", number)
    assert [line["message"] for line in recent.lines()] == ["4", "5", "6", "7", "8"]
