"""What reading a clip leaves in memory."""

from __future__ import annotations

import gc

import av

from core.media.guard import identify
from core.media.probe import probe
from core.media.video import read_window
from core.settings import Limits
from tests.media import Samples


def test_decoded_pictures_are_let_go_at_once(samples: Samples):
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
