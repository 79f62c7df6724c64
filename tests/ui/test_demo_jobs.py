"""The queue of the demo: bounded, fair, shared by pages and API; what is sent twice is computed once."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import BusyError, DamagedMediaError, NotFoundError
from core.settings import build_settings
from core.types import Progress, Stage
from pages.demo.access import Shares, client_of
from pages.demo.jobs import Job, Lanes
from pages.demo.service import Service
from tests import analyses

WAIT_S = 60.0


class Slow:
    """Stands in for the pipeline: every analysis goes on until it is let go."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.go = threading.Event()
        self.began = threading.Semaphore(0)

    def analyse(self, source, settings, on_progress=None, *, name=None):
        self.order.append(name)
        self.began.release()
        while not self.go.is_set():
            on_progress(Progress(Stage.MODELS, 0.5))
            time.sleep(0.01)
        if "bad" in name:
            raise DamagedMediaError("It is broken.", hint="Copy it again.")
        base = analyses.picture()
        return replace(base, media=replace(base.media, name=name))


@pytest.fixture
def slow(monkeypatch):
    stand_in = Slow()
    monkeypatch.setitem(sys.modules, "core.pipeline", SimpleNamespace(analyse=stand_in.analyse))
    used: list[Lanes] = []
    start = Lanes._start_threads

    def remembered(lanes: Lanes) -> None:
        used.append(lanes)
        start(lanes)

    monkeypatch.setattr(Lanes, "_start_threads", remembered)
    yield stand_in
    # What a test leaves in a queue must not be computed by the stand-in of the next.
    stand_in.go.set()
    deadline = time.monotonic() + WAIT_S
    while any(lanes.load() != (0, 0) for lanes in used) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(lanes.load() == (0, 0) for lanes in used)


def settings(tmp_path, **server):
    return build_settings(data_dir=tmp_path / "data", sandbox={"enabled": False}, server=server)


def file(tmp_path: Path, name: str, content: str | None = None) -> Path:
    path = tmp_path / name
    path.write_text(content or name)
    return path


def submit(lanes: Lanes, tmp_path: Path, name: str, config, client: str = "a", **more) -> Job:
    return lanes.submit(
        file(tmp_path, f"{client}-{name}", more.pop("content", None)), config, name, client=client, **more
    )


def test_clients_take_turns(tmp_path, slow):
    config = settings(tmp_path)
    lanes = Lanes(config)
    jobs = [submit(lanes, tmp_path, "first", config)]
    slow.began.acquire(timeout=WAIT_S)
    jobs += [submit(lanes, tmp_path, f"many-{n}", config) for n in range(3)]
    jobs += [submit(lanes, tmp_path, "late", config, client="b")]
    assert lanes.position(jobs[-1]) == 1, "who has had nothing yet goes before who has had a turn"
    assert [lanes.position(job) for job in jobs] == [None, 2, 3, 4, 1]
    slow.go.set()
    assert all(job.wait(WAIT_S) for job in jobs)
    assert slow.order == ["first", "late", "many-0", "many-1", "many-2"]


def test_a_full_queue_says_so_and_takes_nothing(tmp_path, slow):
    config = settings(tmp_path, queue=2)
    lanes = Lanes(config)
    submit(lanes, tmp_path, "runs", config)
    slow.began.acquire(timeout=WAIT_S)
    kept = [submit(lanes, tmp_path, f"w{n}", config) for n in range(2)]
    with pytest.raises(BusyError, match="queue is full"):
        submit(lanes, tmp_path, "more", config, client="b", temporary=True)
    assert not (tmp_path / "b-more").exists(), "the upload stays behind"
    slow.go.set()
    assert all(job.wait(WAIT_S) and job.result is not None for job in kept)


def test_one_client_cannot_fill_the_queue(tmp_path, slow):
    config = settings(tmp_path, waiting_per_client=1)
    lanes = Lanes(config)
    submit(lanes, tmp_path, "runs", config)
    slow.began.acquire(timeout=WAIT_S)
    submit(lanes, tmp_path, "waits", config)
    with pytest.raises(BusyError, match="waiting already"):
        submit(lanes, tmp_path, "more", config)
    submit(lanes, tmp_path, "other", config, client="b")


def test_the_same_bytes_are_computed_once_and_each_keeps_its_name(tmp_path, slow):
    config = settings(tmp_path)
    lanes = Lanes(config)
    first = submit(lanes, tmp_path, "one.png", config, content="same", temporary=True)
    slow.began.acquire(timeout=WAIT_S)
    second = submit(lanes, tmp_path, "two.png", config, client="b", content="same", temporary=True)
    first.stop()
    assert first.error is not None and first.error.code == "cancelled"
    slow.go.set()
    assert second.wait(WAIT_S)
    assert slow.order == ["one.png"]
    assert second.result is not None and second.result.media.name == "two.png"
    assert not (tmp_path / "a-one.png").exists()
    assert not (tmp_path / "b-two.png").exists()


def test_other_settings_are_another_analysis(tmp_path, slow):
    config = settings(tmp_path)
    lanes = Lanes(config)
    slow.go.set()
    jobs = [
        submit(lanes, tmp_path, "a", config, content="same"),
        submit(lanes, tmp_path, "b", config.model_copy(update={"preset": "x"}), content="same"),
    ]
    assert all(job.wait(WAIT_S) for job in jobs)
    assert sorted(slow.order) == ["a", "b"]


def test_what_was_stopped_while_it_waited_never_runs(tmp_path, slow):
    config = settings(tmp_path)
    lanes = Lanes(config)
    first = submit(lanes, tmp_path, "first", config)
    slow.began.acquire(timeout=WAIT_S)
    waiting = submit(lanes, tmp_path, "waiting", config, temporary=True)
    waiting.stop()
    assert waiting.state == "cancelled"
    assert not (tmp_path / "a-waiting").exists()
    slow.go.set()
    assert first.wait(WAIT_S)
    assert slow.order == ["first"]


def test_who_leaves_stops_the_analysis(tmp_path, slow):
    config = settings(tmp_path)
    job = submit(Lanes(config), tmp_path, "a", config)
    for _ in job.follow():
        break
    assert job.over
    assert job.error is not None and job.error.code == "cancelled"


def test_an_analysis_over_its_time_ends_with_a_message(tmp_path, slow):
    config = settings(tmp_path, budget_s=0.2)
    job = submit(Lanes(config), tmp_path, "a", config)
    assert job.wait(WAIT_S)
    assert job.error is not None and job.error.code == "limit"


def test_a_failing_file_does_not_stop_the_next(tmp_path, slow):
    config = settings(tmp_path)
    lanes = Lanes(config)
    slow.go.set()
    jobs = [submit(lanes, tmp_path, name, config) for name in ("bad", "good")]
    assert all(job.wait(WAIT_S) for job in jobs)
    assert [job.state for job in jobs] == ["failed", "done"]
    seconds = lanes.estimate_s(jobs[1])
    assert seconds is None, "what is over waits no more"


def test_every_job_that_is_over_is_told_once(tmp_path, slow):
    config = settings(tmp_path)
    lanes = Lanes(config)
    told: list[tuple[str, bool]] = []
    lanes.on_over = lambda job, seconds: told.append((job.name, seconds >= 0))
    slow.go.set()
    job = submit(lanes, tmp_path, "a", config)
    assert job.wait(WAIT_S)
    job.stop()
    deadline = time.monotonic() + WAIT_S
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    assert told == [("a", True)]


def test_a_file_that_is_gone_is_told(tmp_path):
    config = settings(tmp_path)
    with pytest.raises(NotFoundError):
        Lanes(config).submit(tmp_path / "gone", config, "gone")


def test_names_are_safe_and_ids_cannot_be_guessed(tmp_path, slow):
    config = settings(tmp_path)
    lanes = Lanes(config)
    slow.go.set()
    jobs = [submit(lanes, tmp_path, "x", config, client=c) for c in "ab"]
    assert len({job.id for job in jobs}) == 2
    assert all(len(job.id) >= 24 for job in jobs)
    evil = lanes.submit(file(tmp_path, "y"), config, "../../etc/pass\u202ewd")
    assert evil.name == "passwd"


def test_a_client_has_a_share_of_each_minute(tmp_path):
    shares = Shares(settings(tmp_path, analyses_per_minute=2).server)
    shares.analysis("a")
    shares.analysis("a")
    with pytest.raises(BusyError) as caught:
        shares.analysis("a")
    assert caught.value.retry_s > 0
    shares.analysis("b")


def test_an_analysis_over_the_share_leaves_no_file(tmp_path, slow):
    service = Service.of(settings(tmp_path, analyses_per_minute=1))
    slow.go.set()
    service.analyse(file(tmp_path, "a"), "", "a", owner="o", client="c")
    path = file(tmp_path, "b")
    with pytest.raises(BusyError):
        service.analyse(path, "", "b", owner="o", client="c", temporary=True)
    assert not path.exists()


def test_a_client_cannot_choose_its_own_address():
    def caller(told: str) -> SimpleNamespace:
        return SimpleNamespace(headers={"x-forwarded-for": told}, client=SimpleNamespace(host="10.0.0.1"))

    assert client_of(caller("1.1.1.1"), 0) == client_of(caller("2.2.2.2"), 0)
    assert client_of(caller("6.6.6.6, 1.1.1.1"), 1) == client_of(caller("7.7.7.7, 1.1.1.1"), 1)
    assert client_of(caller("1.1.1.1"), 1) != client_of(caller("2.2.2.2"), 1)
    assert "10.0.0.1" not in client_of(caller(""), 0)


def test_what_an_earlier_run_left_is_removed(tmp_path):
    service = Service.of(settings(tmp_path))
    path = service.fresh_file()
    path.write_text("x")
    assert path.parent.stat().st_mode & 0o077 == 0
    service.clear()
    assert not path.exists()


def test_a_lent_gpu_gets_plain_values_only(tmp_path, monkeypatch):
    asked = []

    def lend(duration):
        def lent(function):
            def call(*values):
                asked.append((duration, values))
                return function(*values)

            return call

        return lent

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=lend))
    stand_in = SimpleNamespace(analyse=lambda source, settings, on_progress, *, name: analyses.picture())
    monkeypatch.setitem(sys.modules, "core.pipeline", stand_in)
    config = settings(tmp_path).model_copy(update={"profile": "zerogpu"})
    job = submit(Lanes(config), tmp_path, "a", config)
    assert job.wait(WAIT_S) and job.result is not None
    ((duration, values),) = asked
    assert duration > 0
    assert [type(value).__name__ for value in values] == ["PosixPath", "Settings", "str"]


def test_without_the_package_of_spaces_it_runs_here(tmp_path, slow, monkeypatch):
    monkeypatch.setitem(sys.modules, "spaces", None)
    slow.go.set()
    config = settings(tmp_path).model_copy(update={"profile": "zerogpu"})
    job = submit(Lanes(config), tmp_path, "a", config)
    assert job.wait(WAIT_S) and job.result is not None
