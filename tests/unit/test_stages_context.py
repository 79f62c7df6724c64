"""Work beside other work of one analysis."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from core.errors import CancelledError, DamagedMediaError
from core.registry import ensemble
from core.runtime.pool import ModelPool
from core.settings import build_settings
from core.stages.context import Context
from core.types import Progress


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(build_settings(data_dir=tmp_path), ensemble("default"), ModelPool("cpu", 10**9))


def test_what_was_begun_beside_is_what_is_asked_for_later(context: Context) -> None:
    begun = threading.Event()

    def make(quiet: Context) -> str:
        begun.set()
        return threading.current_thread().name

    with context.beside("key", make):
        assert begun.wait(10)
        assert context.once("key", lambda: "made anew") != threading.current_thread().name
        assert context.once("other", lambda: "made here") == "made here"


def test_what_fails_beside_fails_where_it_is_asked_for(context: Context) -> None:
    def make(quiet: Context) -> None:
        raise DamagedMediaError("It is broken.", hint="Mend it.")

    with context.beside("key", make), pytest.raises(DamagedMediaError, match="broken"):
        context.once("key", lambda: None)


def test_an_error_stops_the_work_beside(context: Context) -> None:
    stopped = threading.Event()

    def make(quiet: Context) -> None:
        try:
            while True:
                quiet.still_wanted()
                time.sleep(0.005)
        except CancelledError:
            stopped.set()

    with pytest.raises(CancelledError), context.beside("key", make):
        raise CancelledError("Stopped.", hint="Start again.")
    assert stopped.is_set()


def test_the_work_beside_tells_nobody_of_its_steps(context: Context) -> None:
    told: list[float] = []
    context.on_progress = lambda progress: told.append(progress.fraction)
    with context.beside("key", lambda quiet: quiet.step(0.5)):
        context.once("key", lambda: None)
    assert told == []


def test_who_waits_can_be_stopped(context: Context) -> None:
    def listen(_: Progress) -> None:
        raise CancelledError("Stopped.", hint="Start again.")

    def make(quiet: Context) -> None:
        while True:
            quiet.still_wanted()
            time.sleep(0.005)

    with pytest.raises(CancelledError, match="Stopped"), context.beside("key", make):
        context.on_progress = listen
        context.once("key", lambda: None)
