"""Pairs of sounds for training: a real voice next to a fake, through the same nuisances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError
from core.training.config import TrainConfig
from core.training.data.crops import Crops
from core.training.data.pairs import Drawer
from core.training.data.seeded import Item, SeededPairs, stacked
from core.training.data.voices import Voice
from core.training.nuisance.sound import degrade_sound
from core.training.validation import ValidationSet
from core.types import PCM

SAMPLES = 64_000
# The method of ``config.fakes`` that stands for all fakes that the data bring along.
RECORDED = "recorded"


def copy_methods(config: TrainConfig) -> list[str]:
    """Methods of ``config`` that are made from real voices."""
    return sorted(set(config.fakes) - {RECORDED})


def segment(pcm: PCM, samples: int, place: float) -> PCM:
    """``samples`` of a sound, beginning at the share ``place`` in [0, 1] of what is left over; short ones repeat."""
    if len(pcm) < samples:
        return np.tile(pcm, -(-samples // len(pcm)))[:samples]
    begin = round(place * (len(pcm) - samples))
    return pcm[begin : begin + samples]


class AudioMaker:
    """Draws and makes pairs of equal length; shared by training and validation."""

    def __init__(self, voices: Sequence[Voice], config: TrainConfig, samples: int) -> None:
        self.real = [v for v in voices if not v.row.fake]
        self.recorded = [v for v in voices if v.row.fake]
        if not self.real:
            raise ConfigError("There is no real voice to train on.", hint="Check the data folder and its splits.")
        self.samples = samples
        rows = tuple(v.row for v in self.real)
        crops = Crops(np.zeros((len(rows), 0, 0, 3), np.uint8), rows)
        self.drawer = Drawer(crops, config.data.source_weights, config.data.other_weight)
        self._by_source: dict[str, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            self._by_source[row.source].append(i)
        self._by_method: dict[str, list[int]] = defaultdict(list)
        for i, voice in enumerate(self.recorded):
            self._by_method[voice.row.method].append(i)

    def copied(self, rng: np.random.Generator, index: int, method: str) -> tuple[PCM, PCM]:
        """A stretch of a real voice and the same stretch of the fake made from it."""
        place = float(rng.random())
        voice = self.real[index]
        return segment(voice.samples(), self.samples, place), segment(voice.samples(method), self.samples, place)

    def foreign(self, rng: np.random.Generator) -> tuple[int, PCM, PCM]:
        """A recorded fake, methods evenly, next to a real voice of the same collection where there is one."""
        names = sorted(self._by_method)
        several = self._by_method[names[int(rng.integers(len(names)))]]
        fake = self.recorded[several[int(rng.integers(len(several)))]]
        alike = self._by_source.get(fake.row.source)
        index = self.drawer.draw(rng)
        if alike and rng.random() < 0.7:
            index = alike[int(rng.integers(len(alike)))]
        places = rng.random(2)
        real = segment(self.real[index].samples(), self.samples, float(places[0]))
        return index, real, segment(fake.samples(), self.samples, float(places[1]))


class AudioPairs(SeededPairs):
    """``float32[2, samples]`` at 16 kHz (real, fake), method number, number of
    the real voice. ``config.fakes`` are odds by name of :mod:`core.training.fakes.speech`, and of ``recorded``."""

    def __init__(self, voices: Sequence[Voice], config: TrainConfig, samples: int = SAMPLES) -> None:
        self._maker = AudioMaker(voices, config, samples)
        super().__init__(config, None if self._maker.recorded else copy_methods(config))

    def make(self, rng: np.random.Generator) -> Item:
        number = self.draw_method(rng)
        if self._methods[number] == RECORDED:
            index, real, forged = self._maker.foreign(rng)
        else:
            index = self._maker.drawer.draw(rng)
            real, forged = self._maker.copied(rng, index, self._methods[number])
        seed, strength = int(rng.integers(2**63)), self._config.nuisance.strength
        worn = [degrade_sound(np.random.default_rng(seed), pcm, strength) for pcm in (real, forged)]
        return stacked(worn), number, index


def make_audio_validation(
    voices: Sequence[Voice],
    config: TrainConfig,
    samples: int = SAMPLES,
    *,
    seed: int = 1,
    methods: tuple[str, ...] | None = None,
    strength: float = 0.6,
) -> ValidationSet:
    """Each real voice once as it is and once copied, methods in turn, and each recorded fake; half of all degraded.
    ``pixels`` are samples float32[N, samples].

    Args:
        methods: of copy-synthesis; all of ``config`` by default.
        strength: of the nuisances.
    """
    names = tuple(copy_methods(config)) if methods is None else methods
    maker = AudioMaker(voices, config, samples)
    heard: list[PCM] = []
    facts: list[tuple[bool, str, str, str]] = []

    def hear(pcm: PCM, voice: Voice, method: str | None, noise: np.random.Generator | None) -> None:
        heard.append(pcm if noise is None else degrade_sound(noise, pcm, strength))
        facts.append((method is not None, method or "bonafide", voice.row.source, voice.row.identity))

    for number, voice in enumerate(maker.real):
        rng = np.random.default_rng((seed, number))
        name = names[number % len(names)] if names else None
        pair = maker.copied(rng, number, name) if name else (segment(voice.samples(), samples, float(rng.random())),)
        noise_seed, hard = int(rng.integers(2**63)), rng.random() < 0.5
        for pcm, method in zip(pair, (None, name), strict=False):
            hear(pcm, voice, method, np.random.default_rng(noise_seed) if hard else None)
    for number, voice in enumerate(maker.recorded if RECORDED in config.fakes else ()):
        rng = np.random.default_rng((seed, 1, number))
        pcm = segment(voice.samples(), samples, float(rng.random()))
        hear(pcm, voice, voice.row.method, rng if rng.random() < 0.5 else None)
    fake, *texts = zip(*facts, strict=True)
    columns: list[npt.NDArray[np.str_]] = [np.asarray(column, dtype=np.str_) for column in texts]
    return ValidationSet(cast(Any, np.stack(heard)), np.asarray(fake, dtype=np.bool_), *columns)
