"""Several processes at one download: one of them does it, and one that dies blocks nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import StorageError, WeightsError
from core.settings import ROOT, Settings, build_settings
from core.weights import lock, manage
from tests.unit.weights_samples import make_card, payload
from tests.unit.weights_server import FileServer, serving_files

DATA = payload()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving_files({"/net.pth": DATA}) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return build_settings(data_dir=tmp_path / "data", weights_dir=None, offline=False)


def card_at(server: FileServer):
    return make_card(DATA, url=f"{server.url}/net.pth")


def only_file(settings: Settings) -> Path:
    """The one file in the download folder: no part, no lock and nothing else is left behind."""
    files = [p for p in (settings.data_dir / "weights").rglob("*") if p.is_file()]
    assert len(files) == 1, files
    return files[0]


_PULL = """
import sys
from pathlib import Path
from core.settings import build_settings
from core.weights import manage
from tests.unit.weights_samples import make_card, payload
card = make_card(payload(), url=sys.argv[2])
settings = build_settings(data_dir=Path(sys.argv[1]), offline=False)
found = manage.pull(card, settings, on_wait=lambda: sys.stdout.write("waiting\\n"))
sys.stdout.write(found[0].presence + "\\n")
"""


def start_pull(server: FileServer, settings: Settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PULL, str(settings.data_dir), f"{server.url}/net.pth"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_two_processes_at_once_end_with_one_good_file(server: FileServer, settings: Settings) -> None:
    server.pause = threading.Event()
    both = [start_pull(server, settings) for _ in range(2)]
    wait_until(lambda: server.asked)
    time.sleep(1.0)
    server.pause.set()
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert all(out.endswith("present\n") for out, _ in said), said
    assert len(server.asked) == 1
    assert only_file(settings).read_bytes() == DATA


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_process_that_was_killed_leaves_no_lock_and_its_part_is_gone_on_with(
    server: FileServer, settings: Settings
) -> None:
    server.pause = threading.Event()
    process = start_pull(server, settings)
    part = settings.data_dir / "weights" / "net" / "net.pth.part"
    wait_until(lambda: part.exists())
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert part.with_name("net.pth.lock").exists(), "the lock file is left behind"
    server.pause.set()
    manage.pull(card_at(server), settings)
    assert only_file(settings).read_bytes() == DATA


def test_a_lock_that_cannot_be_taken_is_told(
    server: FileServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> bool:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(lock, "_acquire", refuse)
    with pytest.raises(StorageError, match="not supported"):
        manage.pull(card_at(server), settings)


def test_a_lock_that_is_never_free_is_told(tmp_path: Path) -> None:
    waited: list[int] = []
    path = tmp_path / "net.pth.lock"
    with (
        lock.exclusive(path),
        pytest.raises(WeightsError, match="Another process"),
        lock.exclusive(path, wait_s=0.3, on_wait=lambda: waited.append(1)),
    ):
        pytest.fail("it was held twice")
    assert waited == [1]
    assert list(tmp_path.iterdir()) == []
