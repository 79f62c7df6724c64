"""Clips to choose, calibrate and measure by, real and forged: made once, kept on disk, the same for all networks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.registry import InputSpec
from core.training.calibrate import left_out
from core.training.data.clips import ClipMaker, make_clip_validation, shrunk
from core.training.data.manifest import Item, read_manifest
from core.training.data.tracks import Window, build
from core.training.heldout import HELD_OUT_SEED, evenly, held_out_items, neutral
from core.training.tasks import TaskConfig
from core.training.validation import ValidationSet
from core.types import RGB

PAIRS_PER_METHOD = 6
TO_CHOOSE_BY = 3  # pairs of each method that are judged after every epoch
CALIBRATION_WINDOWS = 20  # of each clip at most
HELD_OUT_WINDOWS = 4  # of each clip at most, the same for all networks
_FIELDS = ("pixels", "fake", "method", "source", "identity")


def calibration_set(config: TaskConfig, data: Path, store: Path) -> ValidationSet:
    """Windows of the real clips of the calibration split, each once real and once forged, as they are cut (``via``).
    People who are in the training split are left out."""
    others = left_out()
    items = [i for i in _clips(data, "calib") if not i.fake and i.sha256 not in others]
    windows = build(data, items, store, windows=CALIBRATION_WINDOWS, length=config.clip.length)
    return _made(windows, config, store, seed=2)


def held_out_set(config: TaskConfig, data: Path, store: Path) -> ValidationSet:
    """Windows of people who were not trained on, each once real and once forged, all methods equally often."""
    items = [i for i in held_out_items(config, data) if i.modality == "video"]
    windows = build(data, items, store, windows=HELD_OUT_WINDOWS, length=config.clip.length)
    return _made(_turns(windows, PAIRS_PER_METHOD * len(config.fakes)), config, store, HELD_OUT_SEED)


def validation_set(windows: Sequence[Window], config: TaskConfig, store: Path) -> ValidationSet:
    """What a training chooses by, from other draws than :func:`held_out_set`."""
    return _made(_turns(windows, TO_CHOOSE_BY * len(config.fakes)), config, store, seed=1)


def _turns(windows: Sequence[Window], count: int) -> list[Window]:
    """``count`` windows, evenly spread, some of them again where there are fewer."""
    chosen = [windows[i] for i in evenly(range(len(windows)), count)]
    return (chosen * -(-count // len(chosen)))[:count]


def windows_to_test(config: TaskConfig, data: Path, store: Path) -> list[tuple[Item, list[Window]]]:
    """The windows of each clip of the test split, as many as the detector looks at; none where no face stays long
    enough."""
    items = _clips(data, "test")
    windows = build(data, items, store, windows=config.clip.looks, length=config.clip.length)
    return [(item, [w for w in windows if w.row.sha256 == item.sha256]) for item in items]


def seen(window: Window, config: TaskConfig) -> RGB:
    """The middle of a window as a detector trained by ``config`` is fed with it, uint8[T, S, S, 3]."""
    stride = min(config.clip.strides)
    start = (len(window) - (config.clip.frames - 1) * stride - 1) // 2
    faces = window.faces([start + i * stride for i in range(config.clip.frames)])
    maker = ClipMaker([window], config, config.clip.frames, (stride,))
    return maker.cut(np.stack([face.pixels for face in faces]))


def for_input(known: ValidationSet, spec: InputSpec) -> ValidationSet:
    """The set at the size of a network's input."""
    pixels = np.stack([shrunk(clip, spec) for clip in known.pixels])
    return ValidationSet(pixels, known.fake, known.method, known.source, known.identity)


def _clips(data: Path, split: str) -> list[Item]:
    return [item for item in read_manifest(data, modalities=("video",)) if item.split == split]


def at_cut(config: TaskConfig) -> TaskConfig:
    """``config`` whose input is what is cut, before it is made smaller."""
    spec = config.input
    return config.model_copy(update={"input": spec.model_copy(update={"size": spec.via or spec.size, "via": None})})


def _made(windows: Sequence[Window], config: TaskConfig, store: Path, seed: int) -> ValidationSet:
    whole = at_cut(config)
    even = neutral(whole, whole.input)
    values = {
        "windows": [f"{w.row.sha256}{w.row.t_s}" for w in windows],
        "made": (sorted(config.fakes), config.clip.frames, min(config.clip.strides), seed),
        "input": whole.input.model_dump(exclude={"mean", "std"}),
    }
    name = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
    path = store / "clip-sets" / f"{name}.npz"
    if not path.is_file():
        known = make_clip_validation(windows, even, config.clip.frames, (min(config.clip.strides),), seed=seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, **{field: getattr(known, field) for field in _FIELDS})
        part.replace(path)
    with np.load(path, allow_pickle=False) as file:
        return ValidationSet(**{field: file[field] for field in _FIELDS})
