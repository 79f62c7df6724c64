"""The shipped measure of motion on clips that were filmed: shuffled frames raise its suspicion."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from core.detectors.clip import load_clip_detector
from core.examples import examples
from core.media.guard import identify
from core.media.probe import probe
from core.media.video import read_frames
from core.registry import card, ensemble
from core.runtime.pool import shared_pool
from core.settings import SHIPPED_WEIGHTS, Settings, build_settings
from core.stages.asking.clips import seen_windows
from core.stages.context import Context
from core.stages.finding import find_people
from core.stages.reading import Material
from core.types import RGB

DETECTOR = card("clip-space-time-vit")
WEIGHTS = SHIPPED_WEIGHTS / DETECTOR.weights.file
DATA = os.environ.get("UNMASK_TEST_DATA")
CLIPS = 3

pytestmark = pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"{WEIGHTS.name} is not trained yet")


def _filmed(settings: Settings) -> list[Path]:
    """Clips of real people where there are any, else the example that talks."""
    if not DATA:
        return [example.path for example in examples(settings) if example.path.stem == "talking-portrait"]
    with (Path(DATA) / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            r for r in csv.DictReader(file) if (r["modality"], r["split"], r["label"]) == ("video", "calib", "real")
        ]
    return [Path(DATA) / row["path"] for row in rows[:CLIPS]]


def _windows(path: Path, settings: Settings) -> list[RGB]:
    ref = identify(path, settings.limits)
    info = probe(ref, settings.limits)
    frames, _ = read_frames(ref, info, settings.sampling)
    context = Context(settings, ensemble("default"), shared_pool(settings.runtime))
    tracks, _ = find_people(frames, context)
    longest = max(tracks, key=lambda track: len(track.t_s))
    found, why = seen_windows(DETECTOR, longest, Material(ref, info, tuple(frames), None), context)
    assert found, why
    return [window.crops for window in found]


def test_shuffled_frames_of_filmed_clips_raise_the_unrest(tmp_path: Path) -> None:
    settings = build_settings(data_dir=tmp_path, sampling={"frames": 12})
    windows = [window for path in _filmed(settings) for window in _windows(path, settings)]
    detector = load_clip_detector(DETECTOR, WEIGHTS, "cpu")
    orders = [np.random.default_rng(i).permutation(len(window)) for i, window in enumerate(windows)]
    even = detector.look(np.stack(windows)).unrest
    mixed = detector.look(np.stack([w[order] for w, order in zip(windows, orders, strict=True)])).unrest
    assert even is not None and mixed is not None
    assert float((mixed - even).mean()) > 0.0
