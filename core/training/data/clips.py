"""Pairs of clips for training: a real track of a face next to a fake made from it, through the same nuisances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from core.errors import ConfigError
from core.faces.align import resized, template
from core.registry import InputSpec
from core.training.config import TrainConfig
from core.training.data.crops import STORE_SCALE, Crops
from core.training.data.pairs import Drawer, jitter, to_input
from core.training.data.seeded import ChangedPairs, Item, PairData, SeededPairs, stacked
from core.training.data.tracks import Window
from core.training.fakes.clips import clip_fake
from core.training.nuisance import degrade_clip, finish
from core.training.validation import ValidationSet
from core.types import RGB


def rows_only(windows: Sequence[Window]) -> Crops:
    """The windows' rows as crops without pixels, to draw from."""
    return Crops(np.zeros((len(windows), 0, 0, 3), np.uint8), tuple(w.row for w in windows))


class ClipMaker:
    """Makes a real clip and its fake out of windows, worn alike and cut to the input; shared by training and
    validation."""

    def __init__(self, windows: Sequence[Window], config: TrainConfig, frames: int, strides: Sequence[int]) -> None:
        needed = (frames - 1) * max(strides) + 1
        if any(len(window) < needed for window in windows):
            raise ConfigError(
                f"The stored windows are shorter than {needed} frames.", hint="Cut windows of frames × largest stride."
            )
        self.windows = windows
        self.config = config
        self.drawer = Drawer(rows_only(windows), config.data.source_weights, config.data.other_weight)
        self._frames, self._strides = frames, tuple(strides)

    def make(self, rng: np.random.Generator, index: int, method: str) -> tuple[RGB, RGB]:
        """A real clip and the fake that ``method`` makes of it, uint8[T, side, side, 3] each."""
        fake, window = clip_fake(method), self.windows[index]
        clip = window.faces(self._which(rng, window))
        partner = None
        if fake.needs_partner:
            other = self.windows[self.drawer.partner(rng, index)]
            partner = other.faces(self._which(rng, other), clip[0].pixels.shape[0])
        return np.stack([face.pixels for face in clip]), fake.make(rng, clip, partner)

    def _which(self, rng: np.random.Generator, window: Window) -> list[int]:
        stride = int(rng.choice(self._strides))
        start = int(rng.integers(len(window) - (self._frames - 1) * stride))
        return [start + i * stride for i in range(self._frames)]

    def cut(self, frames: RGB, change: npt.NDArray[np.float64] | None = None) -> RGB:
        """The network's input uint8[T, size, size, 3]: the same cut for all frames, which are steady already."""
        points, spec = template(frames.shape[1], STORE_SCALE), self.config.input
        cut = spec.model_copy(update={"size": spec.via or spec.size})
        return shrunk(np.stack([to_input(frame, points, cut, change) for frame in frames]), spec)


def shrunk(frames: RGB, spec: InputSpec) -> RGB:
    """Frames uint8[T, via, via, 3] as the network's input uint8[T, size, size, 3]."""
    if spec.via is None:
        return frames
    return np.stack([resized(frame, spec.size, spec.resize) for frame in frames])


class Shrunk(ChangedPairs):
    """``pairs`` of clips uint8[2, T, via, via, 3] at the size of a network's input."""

    def __init__(self, pairs: PairData, spec: InputSpec) -> None:
        super().__init__(pairs)
        self._spec = spec

    def changed(self, pair: RGB) -> torch.Tensor:
        return stacked([shrunk(clip, self._spec) for clip in pair])


class ClipPairs(SeededPairs):
    """``uint8[2, T, size, size, 3]`` (real, fake), method number, window
    number. ``config.fakes`` are odds by name of :mod:`core.training.fakes.clips`.

    Args:
        frames: T.
        strides: distances of frames that are drawn from, in steps of 1/25 s.
    """

    def __init__(self, windows: Sequence[Window], config: TrainConfig, frames: int, strides: Sequence[int]) -> None:
        super().__init__(config)
        self._maker = ClipMaker(windows, config, frames, strides)

    def make(self, rng: np.random.Generator) -> Item:
        cfg = self._config
        index = self._maker.drawer.draw(rng)
        number = self.draw_method(rng)
        clips = self._maker.make(rng, index, self._methods[number])
        change = jitter(rng, cfg.nuisance, cfg.input.size)
        seed = int(rng.integers(2**63))
        return stacked([self._input(seed, clip, change) for clip in clips]), number, index

    def _input(self, seed: int, clip: RGB, change: npt.NDArray[np.float64]) -> RGB:
        cfg, rng = self._config, np.random.default_rng(seed)
        small = self._maker.cut(degrade_clip(rng, clip, cfg.nuisance.strength, cfg.nuisance.timing), change)
        last = int(rng.integers(2**63))
        return np.stack([finish(np.random.default_rng(last), frame, cfg.nuisance.finish) for frame in small])


def make_clip_validation(
    windows: Sequence[Window],
    config: TrainConfig,
    frames: int,
    strides: Sequence[int],
    *,
    seed: int = 1,
    methods: tuple[str, ...] | None = None,
    strength: float = 0.6,
) -> ValidationSet:
    """Each window once real and once forged, methods in turn, half of the pairs worn alike; ``pixels`` are
    uint8[N, T, size, size, 3].

    Args:
        methods: pseudo-fakes to use; all of ``config`` by default.
        strength: of the nuisances.
    """
    names = tuple(sorted(config.fakes)) if methods is None else methods
    maker = ClipMaker(windows, config, frames, strides)
    pixels, fake, method, rows = [], [], [], []
    for number, window in enumerate(windows):
        rng = np.random.default_rng((seed, number))
        name = names[number % len(names)]
        pair = maker.make(rng, number, name)
        worn_seed, hard = int(rng.integers(2**63)), rng.random() < 0.5
        for clip, is_fake in zip(pair, (False, True), strict=True):
            worn = degrade_clip(np.random.default_rng(worn_seed), clip, strength) if hard else clip
            pixels.append(maker.cut(worn))
            fake.append(is_fake)
            method.append(name if is_fake else "pristine")
            rows.append(window.row)
    return ValidationSet(
        np.stack(pixels),
        np.asarray(fake),
        np.asarray(method),
        np.asarray([row.source for row in rows]),
        np.asarray([row.identity for row in rows]),
    )
