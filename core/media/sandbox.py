"""Decoding in processes of their own, so that a hostile file costs one request and nothing else.

Each process has limits on memory, processor time, files and the size of what it writes, no variable of the
environment that could hold a secret, and a clock that ends it. It serves one request after another; after a crash, a
limit or a stop it is killed, and the next request starts a new one. Frames and sound come back over a pipe as raw
bytes (:mod:`core.media.wire`).
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

from core.errors import DamagedMediaError, LimitError, WorkbenchError
from core.media.wire import Answer, Poll, Request, error_of, pack, unpack_reply
from core.settings import ROOT, SandboxSettings

log = logging.getLogger(__name__)

_POLL_S = 0.1
_START_S = 90.0
_PIPE_BYTES = 1 << 20
_REQUESTS_PER_LIFE = 300
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "OMP_NUM_THREADS", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_TIME_SIGNALS = (-signal.SIGXCPU,)


class Sandbox:
    """At most ``settings.workers`` decoding processes, started when they are needed."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._free = threading.BoundedSemaphore(settings.workers)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._closed = False
        self.lost = 0
        """How many processes were killed: by a crash, a limit or a stop."""

    def call(self, request: Request, poll: Poll | None = None) -> Answer:
        """Do one thing in a worker.

        Raises:
            WorkbenchError: what the worker says is wrong with the file; LimitError where it took too long,
                DamagedMediaError where it ended.
        """
        request = request.model_copy(update={"cpu_s": self._settings.cpu_s})
        with self._worker(poll) as worker:
            reply, frames, sound = worker.ask(request, self._settings.wall_s, poll)
        if reply.fault is not None:
            raise error_of(reply.fault)
        return reply, frames, sound

    def warm_up(self) -> None:
        """Start one worker, so that the first visitor does not wait for it."""
        with self._worker(None) as worker:
            worker.await_ready(None)

    def pids(self) -> list[int]:
        """Processes that wait for work."""
        with self._lock:
            return [worker.pid for worker in self._idle]

    def close(self) -> None:
        """End all that wait; those at work end with their request."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for worker in idle:
            worker.kill()

    @contextmanager
    def _worker(self, poll: Poll | None) -> Iterator[_Worker]:
        while not self._free.acquire(timeout=_POLL_S):
            if poll is not None:
                poll()
        worker: _Worker | None = None
        try:
            worker = self._take()
            yield worker
            if self._keep(worker):
                worker = None
        finally:
            if worker is not None:
                self.lost += worker.served < _REQUESTS_PER_LIFE
                worker.kill()
            self._free.release()

    def _take(self) -> _Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive():
                    return worker
                worker.kill()
        return _Worker(self._settings)

    def _keep(self, worker: _Worker) -> bool:
        with self._lock:
            if self._closed or worker.served >= _REQUESTS_PER_LIFE or not worker.alive():
                return False
            self._idle.append(worker)
            return True


@lru_cache(maxsize=4)
def shared_sandbox(settings: SandboxSettings) -> Sandbox:
    """The process-wide sandbox of these settings."""
    return Sandbox(settings)


class _Worker:
    """One decoding process and the pipes to it."""

    def __init__(self, settings: SandboxSettings) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.media.sandbox_worker", settings.model_dump_json()],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        with suppress(OSError, AttributeError):  # only a matter of speed, and only Linux has it
            fcntl.fcntl(self._output.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._ready = False
        self.served = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: Request, wall_s: float, poll: Poll | None) -> Answer:
        """Send a request and read its answer."""
        try:
            self.await_ready(poll)
            deadline = time.monotonic() + wall_s
            self._input.write(pack(request))
            answer = unpack_reply(lambda view: self._fill(view, deadline, poll))
        except (EOFError, BrokenPipeError, ValueError) as exc:
            raise self._lost() from exc
        self.served += 1
        return answer

    def await_ready(self, poll: Poll | None) -> None:
        """Wait until it has loaded its decoders, which does not count as reading.

        Raises:
            EOFError, ValueError: it does not start. LimitError: not in time.
        """
        if not self._ready:
            deadline = time.monotonic() + _START_S
            unpack_reply(lambda view: self._fill(view, deadline, poll))
            self._ready = True

    def kill(self) -> None:
        """End it, whatever it does."""
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._input, self._output):
            with suppress(OSError):
                pipe.close()

    def _fill(self, view: memoryview, deadline: float, poll: Poll | None) -> None:
        source = self._output.fileno()
        while view:
            if not select.select([source], [], [], _POLL_S)[0]:
                if time.monotonic() > deadline:
                    raise _too_long()
                if poll is not None:
                    poll()
                continue
            count = os.readv(source, [view])
            if not count:
                raise EOFError
            view = view[count:]

    def _lost(self) -> WorkbenchError:
        """What to tell of a worker that ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.poll()
        log.warning("a decoding process ended", extra={"returncode": code, "pid": self.pid})
        if code in _TIME_SIGNALS:
            return _too_long()
        return DamagedMediaError(
            "The process that reads media ended while it worked on this file.",
            hint="Nothing else was affected. The file may be damaged: export it anew and try again.",
        )


def _too_long() -> LimitError:
    return LimitError(
        "Reading this file took longer than is allowed.", hint="Cut out the part that matters, or make it smaller."
    )
