"""Re-synthesis by trained generators: what leaves a decoder carries its up-sampling and loses what its code drops.

A reconstruction counts as fake, as in reconstruction-based training of detectors of generated images (Chen et al.,
2024, DRCT; Ricker et al., 2024, AEROBLADE): the picture shows the same person, only the rendering differs.
"""

from __future__ import annotations

import cv2
import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.types import RGB

TRAINED_ON = ("transposed-8", "nearest-8", "bilinear-4")
_ODDS = (0.3, 0.3, 0.4)
MOST_PX = 256


def _variant(rng: np.random.Generator) -> str:
    return str(rng.choice(TRAINED_ON, p=_ODDS))


def render(rng: np.random.Generator, image: RGB, variant: str, share: float, flow_px: float = 0.0) -> RGB:
    """Pass uint8[S, S, 3] through a generator at ``share`` of its resolution, at most 256 px; ``flow_px`` bends the
    code on the way.

    Raises:
        WeightsMissingError: the generator has not been trained.
    """
    import torch

    from core.training.fakes.generator import load_generator

    size = image.shape[0]
    side = max(48, round(min(size * share, MOST_PX) / 8) * 8)
    how = cv2.INTER_AREA if side < size else cv2.INTER_LINEAR
    small = image if side == size else cv2.resize(image, (side, side), interpolation=how)
    x = torch.from_numpy(np.ascontiguousarray(small)).permute(2, 0, 1)[None].float() / 127.5 - 1.0
    flow = None
    if flow_px > 0:
        field = geo.smooth_field(rng, side, int(rng.integers(4, 9)), flow_px * side / size)
        flow = torch.from_numpy(field * np.float32(2.0 / side))[None]
    with torch.inference_mode():
        made = load_generator(variant)(x, flow)
        made += (x - made).mean(dim=(2, 3), keepdim=True)  # a cast of the whole picture would give it away
    made = made[0].permute(1, 2, 0).numpy()
    out = np.clip(np.rint((made + 1.0) * 127.5), 0, 255).astype(np.uint8)
    if side == size:
        return out
    grow = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return np.asarray(cv2.resize(out, (size, size), interpolation=grow), dtype=np.uint8)


class Resynthesis:
    """The whole crop re-drawn by a generator."""

    needs_partner = False

    def __init__(self, name: str = "re-synthesis", variants: tuple[str, ...] = TRAINED_ON) -> None:
        self.name = name
        self._variants = variants

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        out = render(rng, face.pixels, str(rng.choice(self._variants)), rng.uniform(0.7, 1.5))
        return geo.sharpen(out, 1.0, rng.uniform(0.2, 0.8)) if rng.random() < 0.3 else out


class Motion:
    """Portrait animation by a generator: the code of the whole crop is bent, then decoded."""

    name = "motion"
    needs_partner = False

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        unit = geo.face_scale(face.landmarks)
        out = render(rng, face.pixels, _variant(rng), rng.uniform(0.7, 1.5), flow_px=rng.uniform(0.8, 3.0) * unit)
        return geo.sharpen(out, 1.0, rng.uniform(0.2, 0.8)) if rng.random() < 0.3 else out


class Rerender:
    """An autoencoder swap of a face with itself: the face alone re-drawn, tinted and blended back in."""

    name = "re-render"
    needs_partner = False

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        unit = geo.face_scale(face.landmarks)
        flow = rng.uniform(0.5, 2.0) * unit if rng.random() < 0.6 else 0.0
        drawn = render(rng, face.pixels, _variant(rng), rng.uniform(0.6, 1.5), flow)
        if rng.random() < 0.6:
            drawn = geo.tint(rng, drawn)
        if rng.random() < 0.4:
            drawn = geo.sharpen(drawn, rng.uniform(0.8, 2.0), rng.uniform(0.3, 1.0))
        region = str(rng.choice(("face", "inner", "head"), p=(0.55, 0.3, 0.15)))
        mask = geo.region_mask(face.pixels.shape, geo.outline(face.landmarks, region, rng, 2.0))
        return geo.blend(drawn, face.pixels, geo.soften(rng, mask, unit))
