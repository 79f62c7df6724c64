"""Decoding in a process of its own: the same results, and a hostile file costs one request."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import CancelledError, DamagedMediaError, EmptyMediaError, LimitError, WorkbenchError
from core.media import wire
from core.media.decoding import Apart, Here
from core.media.sandbox import Sandbox
from core.settings import Limits, Sampling, SandboxSettings
from tests import media

LIMITS = Limits()


@pytest.fixture(scope="module")
def box():
    sandbox = Sandbox(SandboxSettings(enabled=True, workers=1))
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return media.talking_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", seconds=2)


def test_a_clip_reads_the_same_in_both_ways(box, clip):
    here, apart = Here(LIMITS), Apart(LIMITS, box)
    ref, info = here.identify(clip), here.probe(here.identify(clip))
    assert apart.identify(clip) == ref
    assert apart.probe(ref) == info
    for ours, theirs in zip(
        here.frames(ref, info, Sampling(frames=8))[0], apart.frames(ref, info, Sampling(frames=8))[0], strict=True
    ):
        assert (ours.index, ours.t_s) == (theirs.index, theirs.t_s)
        assert np.array_equal(ours.rgb, theirs.rgb)
    ours_heard, theirs_heard = here.audio(ref, info), apart.audio(ref, info)
    assert ours_heard[1] == theirs_heard[1]
    assert ours_heard[0] is not None and theirs_heard[0] is not None
    assert np.array_equal(ours_heard[0].pcm, theirs_heard[0].pcm)
    for region in (None, (10, 4, 60, 44)):
        one, two = (reader.window(ref, info, 0.5, 1.0, region, 50) for reader in (here, apart))
        assert len(one) == len(two) and np.array_equal(one[0].rgb, two[0].rgb)
    span = ref, info, 0.5, 1.0, (8, 2, 90, 70), 50
    for mine, other in zip(here.grey_window(*span), apart.grey_window(*span), strict=True):
        assert mine.t_s == other.t_s and np.array_equal(mine.grey, other.grey)
    assert np.array_equal(apart.frame_at(clip, 1.0).rgb, here.frame_at(clip, 1.0).rgb)


def test_a_picture_reads_the_same_in_both_ways(box, tmp_path):
    path = media.portrait(tmp_path / "a.png", size=200)
    ref = Here(LIMITS).identify(path, name="пример.png")
    assert Apart(LIMITS, box).identify(path, name="пример.png") == ref
    (ours,), _ = Here(LIMITS).image(ref)
    (theirs,), _ = Apart(LIMITS, box).image(ref)
    assert np.array_equal(ours.rgb, theirs.rgb)


@pytest.mark.parametrize(
    ("limits", "content", "error"),
    [
        (LIMITS, b"", EmptyMediaError),
        (LIMITS, b"words, not a picture", WorkbenchError),
        (Limits(max_bytes=9), b"x" * 99, LimitError),
    ],
)
def test_errors_keep_their_kind_and_words(box, tmp_path, limits, content, error):
    path = media.bytes_of(tmp_path / "bad.png", content)
    with pytest.raises(error) as there:
        Apart(limits, box).identify(path)
    with pytest.raises(error) as here:
        Here(limits).identify(path)
    assert there.value.to_dict() == here.value.to_dict()
    assert type(there.value) is type(here.value)


def test_a_worker_serves_many_files(box, clip):
    apart = Apart(LIMITS, box)
    apart.identify(clip)
    before = box.pids()
    apart.identify(clip)
    assert box.pids() == before
    assert len(before) == 1


def test_a_killed_worker_costs_one_request(box, clip):
    apart = Apart(LIMITS, box)
    ref = apart.identify(clip)
    (pid,) = box.pids()
    watched = iter(range(10**9))

    def kill() -> None:
        if next(watched) == 0:
            os.kill(pid, signal.SIGKILL)

    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(DamagedMediaError, match="ended while it worked") as caught:
        Apart(LIMITS, box, kill).probe(ref)
    assert caught.value.hint
    assert apart.probe(ref).kind == ref.kind
    assert box.pids() != [pid]


def test_what_hangs_is_ended(clip):
    box = Sandbox(SandboxSettings(enabled=True, workers=1, wall_s=1.0))
    try:
        ref = Apart(LIMITS, box).identify(clip)
        (pid,) = box.pids()
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(LimitError, match="took longer"):
            Apart(LIMITS, box).probe(ref)
        assert time.monotonic() - started < 10
        assert not Path(f"/proc/{pid}").exists()
        assert Apart(LIMITS, box).probe(ref)
    finally:
        box.close()


def test_a_stop_ends_the_reading(box, clip):
    ref = Apart(LIMITS, box).identify(clip)
    os.kill(box.pids()[0], signal.SIGSTOP)

    def stop() -> None:
        raise CancelledError("Stopped.", hint="Start again.")

    with pytest.raises(CancelledError):
        Apart(LIMITS, box, stop).probe(ref)
    assert box.pids() == []


def test_memory_is_bounded(tmp_path):
    box = Sandbox(SandboxSettings(enabled=True, workers=1, memory_bytes=700_000_000))
    path = tmp_path / "wide.png"
    Image.new("RGB", (16_000, 16_000)).save(path, compress_level=1)
    try:
        apart = Apart(Limits(max_pixels=10**9), box)
        with pytest.raises(WorkbenchError) as caught:
            apart.image(apart.identify(path))
        assert caught.value.code in ("limit", "damaged_media", "internal")
        assert apart.identify(media.portrait(tmp_path / "small.png", size=64))
    finally:
        box.close()


def test_a_worker_knows_no_secret_and_its_limits(box, clip, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "very-secret")
    fresh = Sandbox(SandboxSettings(enabled=True, workers=1))
    try:
        Apart(LIMITS, fresh).identify(clip)
        process = Path(f"/proc/{fresh.pids()[0]}")
        assert b"very-secret" not in process.joinpath("environ").read_bytes()
        limits = process.joinpath("limits").read_text()
        assert "4000000000" in limits
        assert [line.split()[4] for line in limits.splitlines() if line.startswith("Max core")] == ["0"]
    finally:
        fresh.close()


def test_two_threads_share_one_worker(box, clip):
    found = []
    threads = [threading.Thread(target=lambda: found.append(Apart(LIMITS, box).identify(clip))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 4
    assert len(box.pids()) == 1


def _fill_from(data: bytes) -> wire.Fill:
    rest = memoryview(data)

    def fill(view: memoryview) -> None:
        nonlocal rest
        if len(rest) < len(view):
            raise EOFError
        view[:], rest = rest[: len(view)], rest[len(view) :]

    return fill


@pytest.mark.parametrize(
    "body",
    [
        b"{}x",
        b'{"surprise": 1}',
        b'{"pictures": [{"index": 0, "t_s": 0, "height": 900000, "width": 900000}]}',
        b'{"pictures": [{"index": 0, "t_s": 0, "height": -1, "width": 4}]}',
        b'{"sound": {"samples": 99999999999, "sr_hz": 16000, "start_s": 0}}',
    ],
)
def test_an_answer_that_is_none_is_refused_before_memory_is_taken(body):
    with pytest.raises(ValueError):
        wire.unpack_reply(_fill_from(len(body).to_bytes(8, "little") + body))


def test_a_huge_length_is_refused():
    with pytest.raises(ValueError):
        wire.unpack_reply(_fill_from((2**60).to_bytes(8, "little")))
