"""What reading a clip leaves in memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import av
import numpy as np
import pytest

from core.media import video
from core.media.clips import Shot, VideoClip
from core.media.guard import identify
from core.media.probe import probe
from core.media.video import read_window
from core.settings import Limits
from tests.media import Samples


def test_decoded_pictures_are_let_go_at_once(samples: Samples) -> None:
    """A cycle around each would keep it until the collector runs: 12 MB a frame of a 4K clip."""
    ref = identify(samples("rotated_clip", "a.mp4", degrees=90), Limits())
    info = probe(ref, Limits())
    gc.collect()
    gc.disable()
    try:
        assert len(read_window(ref, info, 0.0, 1.0)) > 10
        kept = sum(type(thing) is av.VideoFrame for thing in gc.get_objects())
    finally:
        gc.enable()
    assert kept <= 2


def test_a_window_of_a_part_lets_the_rest_of_each_frame_go(samples: Samples) -> None:
    ref = identify(samples("numbered_clip", "a.mp4"), Limits())
    info = probe(ref, Limits())
    whole = read_window(ref, info, 1.0, 1.4)
    for part, frame in zip(read_window(ref, info, 1.0, 1.4, (10, 4, 60, 44)), whole, strict=True):
        assert (part.t_s, part.index) == (frame.t_s, frame.index) and part.rgb.flags.owndata
        assert np.array_equal(part.rgb, frame.rgb[4:44, 10:60])


def test_large_pictures_are_decoded_one_clip_at_a_time(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4K a decoder holds some hundred megabytes, and lips and motion are looked at side by side."""
    ref = identify(samples("numbered_clip", "a.mp4"), Limits())
    info = probe(ref, Limits())
    busy: list[int] = []
    most: list[int] = []
    given: list[int] = []

    def run(self: VideoClip, start_s: float) -> Iterator[Shot]:
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.05)
        try:
            yield from shots(self, start_s)
        finally:
            busy.pop()

    shots = VideoClip.run
    monkeypatch.setattr(VideoClip, "run", run)
    monkeypatch.setattr(video, "give_back", lambda: given.append(1))

    def read(width: int) -> int:
        with ThreadPoolExecutor(3) as pool:
            wide = replace(info, width=width, height=2160)
            list(pool.map(lambda _: read_window(ref, wide, 0.0, 0.3), range(3)))
        return max(most)

    assert read(3840) == 1 and len(given) == 3
    assert read(640) > 1 and len(given) == 3
