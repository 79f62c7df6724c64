"""Faces out of time: frozen, replayed, averaged over their neighbours, or with a mouth that runs to another clock.

All take the face, or the mouth, of another frame of the same clip and lay it on by its landmarks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop, Mask
from core.training.fakes.clips.base import Clip, blend_all, checked, masks, walk
from core.types import RGB

Schedule = npt.NDArray[np.int64]


class Stutter:
    """The face holds for two to five frames while the head goes on: repeated frames (Wang et al., 2023, AltFreezing,
    arXiv:2307.08317), here in the face alone."""

    name = "stutter"
    needs_partner = False

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        faces = checked(clip, partner)
        region = str(rng.choice(("face", "inner", "lower")))
        odds = float(rng.uniform(0.15, 0.6))
        return _replayed(rng, faces, region, _holds(rng, len(faces), odds))


class TimeSplice:
    """In one stretch of the clip the face comes from another time, forwards or backwards; its ends jump."""

    name = "time-splice"
    needs_partner = False

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        faces = checked(clip, partner)
        region = str(rng.choice(("head", "face", "inner")))
        return _replayed(rng, faces, region, _stretch(rng, len(faces)))


class Shuffled:
    """Whole frames in another order, one by one or a few at a time: every picture is real, the motion is not."""

    name = "shuffled"
    needs_partner = False

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        faces = checked(clip, partner)
        order = _order(rng, len(faces))
        return np.stack([faces[i].pixels for i in order])


class RetimedMouth:
    """The mouth runs to another clock, as in dubbing: forth and back over the clip at a changing speed, softened a
    little as lip-sync generators do (Prajwal et al., 2020, arXiv:2008.10010)."""

    name = "retimed-mouth"
    needs_partner = False

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        faces = checked(clip, partner)
        region = "mouth" if rng.random() < 0.4 else "lower"
        share = float(rng.uniform(0.45, 1.0)) if rng.random() < 0.7 else 1.0
        return _replayed(rng, faces, region, _clock(rng, len(faces)), share)


class Averaged:
    """The face is the mean over its neighbours in time, laid on each other by landmarks: fast motion is gone, as
    after smoothing filters that are meant to hide flicker."""

    name = "averaged"
    needs_partner = False

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        faces = checked(clip, partner)
        region = str(rng.choice(("face", "inner", "lower")))
        reach = int(rng.integers(1, 4))
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / float(rng.uniform(0.7, 1.5))) ** 2)
        inside = [_mean(faces, t, weights) for t in range(len(faces))]
        return blend_all(inside, faces, masks(rng, faces, region, soft=0.4))


def _replayed(
    rng: np.random.Generator, faces: list[FaceCrop], region: str, schedule: Schedule, share: float = 1.0
) -> RGB:
    """Frame t with the region of frame ``schedule[t]``, rendered at ``share`` of the resolution. Frames that keep
    their own region stay untouched unless the rendering softens all."""
    seed, weights = int(rng.integers(2**63)), masks(rng, faces, region, soft=0.4)
    inside = []
    for t, source in enumerate(schedule):
        image = faces[t].pixels if t == source else geo.onto(faces[source], faces[t])
        if t != source:
            image = _lit_alike(image, faces[t].pixels, weights[t])
        if share < 1.0:
            image = geo.shrink_grow(np.random.default_rng(seed), image, int(image.shape[0] * share))
        inside.append(image)
    return blend_all(inside, faces, weights)


def _lit_alike(image: RGB, reference: RGB, weight: Mask) -> RGB:
    """``image`` with the mean colour that ``reference`` has under the mask: light may have changed in between."""
    inside = weight > 0.5
    if not inside.any():
        return image
    shift = reference[inside].mean(axis=0) - image[inside].mean(axis=0)
    return np.clip(np.rint(image + shift), 0, 255).astype(np.uint8)


def _mean(faces: list[FaceCrop], t: int, weights: npt.NDArray[np.float64]) -> RGB:
    reach = len(weights) // 2
    total, amount = np.zeros(faces[t].pixels.shape, dtype=np.float32), 0.0
    for weight, other in zip(weights, range(t - reach, t + reach + 1), strict=True):
        if 0 <= other < len(faces):
            total += np.float32(weight) * (faces[t].pixels if other == t else geo.onto(faces[other], faces[t]))
            amount += float(weight)
    return np.clip(np.rint(total / amount), 0, 255).astype(np.uint8)


def _holds(rng: np.random.Generator, count: int, odds: float) -> Schedule:
    """0, 1, 2, ... in which some frames are held for two to five; at least one is, where there are two frames."""
    schedule = np.arange(count)
    starts, lengths = rng.random(count) < odds / 3.0, rng.integers(2, 6, count)
    starts[int(rng.integers(max(count - 1, 1)))] = True
    t = 0
    while t < count:
        length = int(lengths[t]) if starts[t] else 1
        schedule[t : t + length] = t
        t += length
    return schedule


def _stretch(rng: np.random.Generator, count: int) -> Schedule:
    """0, 1, 2, ... with one stretch of a quarter to a half taken from elsewhere, at times played backwards."""
    schedule = np.arange(count)
    if count < 2:
        return schedule
    length = int(np.clip(round(count * rng.uniform(0.25, 0.5)), 1, count - 1))
    start = int(rng.integers(0, count - length + 1))
    others = [s for s in range(count - length + 1) if abs(s - start) >= max(1, min(length // 2, (count - length) // 2))]
    source = others[int(rng.integers(len(others)))] if others else (start + 1) % count
    taken = np.arange(source, source + length) % count
    schedule[start : start + length] = taken[::-1] if rng.random() < 0.3 else taken
    return schedule


def _order(rng: np.random.Generator, count: int) -> Schedule:
    """0, 1, 2, ... cut into pieces of one to three, which are put into another order."""
    size = int(rng.integers(1, 4)) if count > 6 else 1
    pieces = np.array_split(np.arange(count), -(-count // size))
    order = rng.permutation(len(pieces))
    if len(pieces) > 1 and (np.diff(order) == 1).all():
        order = order[::-1]
    return np.concatenate([pieces[i] for i in order])


def _clock(rng: np.random.Generator, count: int) -> Schedule:
    """A place in time for every frame that runs at 0.5 to 1.8 of the speed, turning round at the ends."""
    speed = float(rng.uniform(0.5, 1.8)) * np.exp(0.3 * walk(rng, count, 0.8))
    place = np.cumsum(speed) + float(rng.uniform(0.3, 0.9)) * count
    period = max(2 * (count - 1), 1)
    folded = np.mod(place, period)
    return np.clip(np.rint(np.where(folded > count - 1, period - folded, folded)), 0, count - 1).astype(np.int64)
