"""Clips out of the pseudo-fakes for single frames: held steady along the track, or made anew for every frame."""

from __future__ import annotations

import numpy as np

from core.training.fakes.animate import Animate
from core.training.fakes.base import FaceCrop, Fake
from core.training.fakes.clips.base import Clip, checked
from core.training.fakes.lowres import LowRes
from core.training.fakes.mouth import Mouth
from core.training.fakes.parts import Parts
from core.training.fakes.restore import Restore
from core.training.fakes.sbi import SelfBlend
from core.training.fakes.swap import Swap
from core.training.fakes.upsample import UpSampling
from core.types import RGB

ALONE: tuple[Fake, ...] = (SelfBlend(), Mouth(), LowRes(), UpSampling(), Restore(), Animate())
PAIRED: tuple[Fake, ...] = (Swap(), Swap(gradient=True), Parts())


class Tracked:
    """One seeded frame fake, the same random numbers on every frame: a fake without flicker. With ``PAIRED`` a swap,
    the partner's frames running along."""

    def __init__(self, name: str = "tracked", methods: tuple[Fake, ...] = ALONE) -> None:
        self.name = name
        self.needs_partner = any(method.needs_partner for method in methods)
        self._methods = methods

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        faces = checked(clip, partner, needed=self.needs_partner)
        method = self._methods[int(rng.integers(len(self._methods)))]
        donors = _alongside(rng, partner, len(faces))
        seed = int(rng.integers(2**63))
        made = (method.make(np.random.default_rng(seed), f, d) for f, d in zip(faces, donors, strict=True))
        return np.stack(list(made))


class FrameWise:
    """One method, its random numbers drawn anew at every frame or every few: what a tool leaves that treats a video
    picture by picture (the flicker that Zheng et al., 2021, arXiv:2108.06693 look for)."""

    name = "frame-wise"
    needs_partner = False

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        checked(clip, partner)
        method = ALONE[int(rng.integers(len(ALONE)))]
        renewal = float(rng.uniform(0.4, 1.0))
        seed, made = int(rng.integers(2**63)), []
        for face in clip:
            fresh = int(rng.integers(2**63))
            seed = fresh if rng.random() < renewal else seed
            made.append(method.make(np.random.default_rng(seed), face, None))
        return np.stack(made)


def _alongside(rng: np.random.Generator, partner: Clip | None, count: int) -> list[FaceCrop | None]:
    """So many frames of the partner from a random one on, forth and back where they are too few."""
    start = int(rng.integers(2**31))
    if not partner:
        return [None] * count
    steady = checked(partner)
    there_and_back = [*steady, *steady[-2:0:-1]]
    return [there_and_back[(start + t) % len(there_and_back)] for t in range(count)]
