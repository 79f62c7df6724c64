"""Pairs for training: a real face next to a fake made from it, through the same nuisances."""

from __future__ import annotations

from collections import defaultdict

import cv2
import numpy as np
import numpy.typing as npt
import torch

from core.faces.align import similarity, template, warp
from core.registry import InputSpec
from core.training.config import NuisanceConfig, TrainConfig
from core.training.data.crops import STORE_PX, STORE_SCALE, Crops
from core.training.data.seeded import Item, SeededPairs, stacked
from core.training.fakes import FaceCrop, fake
from core.training.nuisance import degrade, finish
from core.training.robustness import one_strong
from core.types import RGB

# Shorter side of a face box in px of the stored crop, on average (MTCNN boxes span 0.78 of the template).
_FACE_IN_STORE = 0.78 * STORE_PX / STORE_SCALE


def native(crops: Crops, index: int) -> FaceCrop:
    """A crop at about the resolution it was taken at (at most the stored one): fakes are made of true detail."""
    row = crops.rows[index]
    pixels = crops.pixels[index]
    side = int(np.clip(STORE_PX * row.face_px / _FACE_IN_STORE, 96, STORE_PX))
    if side == STORE_PX:
        return FaceCrop(pixels, row.landmarks)
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return FaceCrop(np.asarray(small, dtype=np.uint8), row.landmarks * (side / STORE_PX))


def fit_partner(face: FaceCrop, partner: FaceCrop) -> FaceCrop:
    """The partner at the resolution of ``face``."""
    side = face.pixels.shape[0]
    if partner.pixels.shape[0] == side:
        return partner
    zoom = side / partner.pixels.shape[0]
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(partner.pixels, (side, side), interpolation=how)
    return FaceCrop(np.asarray(pixels, dtype=np.uint8), partner.landmarks * zoom)


def jitter(rng: np.random.Generator, config: NuisanceConfig, size: int) -> npt.NDArray[np.float64]:
    """A small random turn, scale, shift and flip of the input square, as 3x3."""
    centre = (size - 1) / 2.0
    matrix = np.eye(3)
    turn = rng.uniform(-config.jitter_turn_deg, config.jitter_turn_deg)
    zoom = 1.0 + rng.uniform(-config.jitter_scale, config.jitter_scale)
    matrix[:2] = cv2.getRotationMatrix2D((centre, centre), turn, zoom)
    matrix[:2, 2] += rng.uniform(-config.jitter_shift, config.jitter_shift, 2) * size
    if rng.random() < 0.5:
        matrix = np.array([[-1.0, 0.0, 2 * centre], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) @ matrix
    return matrix


def to_input(
    pixels: RGB, landmarks: npt.NDArray[np.float32], spec: InputSpec, change: npt.NDArray[np.float64] | None = None
) -> RGB:
    """Cut the detector's input out of a stored crop: uint8[size, size, 3]."""
    matrix = np.eye(3)
    matrix[:2] = similarity(landmarks, template(spec.size, spec.scale))
    if change is not None:
        matrix = change @ matrix
    return warp(pixels, matrix[:2], spec.size, cubic=spec.resize == "bicubic")


class Drawer:
    """Draws crops: source by weight, then identity, then picture, each evenly."""

    def __init__(self, crops: Crops, weights: dict[str, float], other: float) -> None:
        self._groups: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for i, row in enumerate(crops.rows):
            key = row.source if row.source in weights else "other"
            self._groups[key][row.identity].append(i)
        self._names = sorted(self._groups)
        odds = np.array([weights.get(name, other) for name in self._names], dtype=np.float64)
        self._odds = odds / odds.sum()
        self._people = {name: sorted(self._groups[name]) for name in self._names}
        self._rows = crops.rows

    def draw(self, rng: np.random.Generator) -> int:
        return self._from(rng, self._names[int(rng.choice(len(self._names), p=self._odds))])

    def partner(self, rng: np.random.Generator, index: int) -> int:
        """Another person: of the same group in most cases, so that both halves of a swap look alike in quality."""
        row = self._rows[index]
        group = row.source if row.source in self._groups else "other"
        for _ in range(20):
            other = self._from(rng, group) if rng.random() < 0.7 else self.draw(rng)
            if self._rows[other].identity != row.identity:
                return other
        raise ValueError("there is only one identity to draw from")

    def _from(self, rng: np.random.Generator, name: str) -> int:
        people = self._people[name]
        pictures = self._groups[name][people[int(rng.integers(len(people)))]]
        return pictures[int(rng.integers(len(pictures)))]


def make_fake(
    rng: np.random.Generator, crops: Crops, index: int, method_name: str, drawer: Drawer
) -> tuple[FaceCrop, RGB]:
    """A real face at its own resolution and the fake that ``method_name`` makes of it."""
    method = fake(method_name)
    face = native(crops, index)
    partner = None
    if method.needs_partner:
        partner = fit_partner(face, native(crops, drawer.partner(rng, index)))
    return face, method.make(rng, face, partner)


CHANGED = 6.0


def changed(real: RGB, forged: RGB) -> npt.NDArray[np.uint8]:
    """Where a fake differs from its real: uint8[S // 16, S // 16], 255 where the mean absolute difference of a cell
    reaches 6 grey levels, in proportion below."""
    cells = max(1, real.shape[0] // 16)
    apart = cv2.absdiff(real, forged).max(axis=2)
    mean = cv2.resize(apart.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
    return np.clip(mean * (255.0 / CHANGED), 0, 255).astype(np.uint8)


class Pairs(SeededPairs):
    """``uint8[2, size, size, 3]`` (real, fake), method number, crop number and the map of :func:`changed` (without
    nuisances)."""

    def __init__(self, crops: Crops, config: TrainConfig) -> None:
        super().__init__(config)
        self._crops = crops
        self._drawer = Drawer(crops, config.data.source_weights, config.data.other_weight)

    def make(self, rng: np.random.Generator) -> Item:
        cfg = self._config
        index = self._drawer.draw(rng)
        number = self.draw_method(rng)
        face, forged = make_fake(rng, self._crops, index, self._methods[number], self._drawer)
        change = jitter(rng, cfg.nuisance, cfg.input.size)
        seed = int(rng.integers(2**63))
        worn = self._worn_alone(rng, face.pixels)
        pair = [self._input(seed, image, face, change) for image in (worn, forged)]
        clean = [to_input(image, face.landmarks, cfg.input, change) for image in (face.pixels, forged)]
        return stacked(pair), number, index, torch.from_numpy(changed(*clean))

    def _worn_alone(self, rng: np.random.Generator, real: RGB) -> RGB:
        """Some reals go through nuisances that their fakes are spared: what is too worn to show traces shall count as
        real rather than as undecided."""
        cfg = self._config.nuisance
        if cfg.worn_reals and rng.random() < cfg.worn_reals:
            real = degrade(rng, real, 1.0, cfg.video)
        if cfg.struck_reals and rng.random() < cfg.struck_reals:
            real = one_strong(rng, real)
        return real

    def _input(self, seed: int, image: RGB, face: FaceCrop, change: npt.NDArray[np.float64]) -> RGB:
        """Degrade and cut: equal seeds do the same to a real and to its fake."""
        cfg, rng = self._config, np.random.default_rng(seed)
        worn = degrade(rng, image, cfg.nuisance.strength, cfg.nuisance.video)
        return finish(rng, to_input(worn, face.landmarks, cfg.input, change), cfg.nuisance.finish, cfg.nuisance.video)
