"""Does the heat lie where the fake is: ``python -m benchmarks.heat --write docs/measured/heat.md``.

A coarse patch, a quarter of the face wide, is planted at four places of drawn faces. For every detector of single faces
that is shipped, each method's mean heat inside the patch is divided by that outside. Where a detector does not take the
patch for a fake, no map of it can show one, so the rise of its logit stands beside.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core import registry
from core.explain.heat import Explainer
from core.explain.methods import Method
from core.registry import Card
from core.settings import SHIPPED_WEIGHTS, build_settings
from core.types import RGB
from core.weights.files import as_found
from tests.media import head

PLACES = ((60, 90), (40, 40), (90, 60), (96, 100))
"""Upper left corners of the patch, x and y in pixels of a face of 160."""

PEOPLE = (0, 1)
BLOCKS = (2, 3, 4)
ENOUGH = 3.0

Where = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Planted:
    """A face with and without the patch uint8[S, S, 3], and where the patch is."""

    face: RGB
    forged: RGB
    where: Where


@dataclass(slots=True)
class Found:
    """What maps of one detector show: ``ratios`` of heat by method, ``rises`` of the logit."""

    detector: str
    block: int
    ratios: dict[Method, list[float]] = field(default_factory=dict)
    rises: list[float] = field(default_factory=list)


def planted(size: int, block: int) -> Iterator[Planted]:
    """Faces of ``size`` pixels with a patch of blocks ``block`` pixels wide, blended in over 2 pixels."""
    side = size // 4
    for person in PEOPLE:
        face = _shrunk(head(512, person)[90:430, 86:426], size)
        coarse = cv2.resize(_shrunk(face, size // block), (size, size), interpolation=cv2.INTER_NEAREST)
        for x, y in ((x * size // 160, y * size // 160) for x, y in PLACES):
            where = (slice(y, y + side), slice(x, x + side))
            mask = np.zeros((size, size), np.float32)
            mask[where] = 1.0
            soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 2), np.float32)[..., None]
            yield Planted(face, np.rint(face * (1 - soft) + coarse * soft).astype(np.uint8), where)


def _shrunk(rgb: RGB, size: int) -> RGB:
    return np.asarray(cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def ratio(heat: npt.NDArray[Any], where: Where) -> float:
    """Mean heat inside over mean heat outside."""
    inside = np.zeros(heat.shape, bool)
    inside[where] = True
    return float(heat[inside].mean() / max(heat[~inside].mean(), 1e-6))


def look(explainer: Explainer, card: Card, block: int, methods: tuple[Method, ...]) -> Found:
    found = Found(card.id, block)
    for case in planted(card.input.size, block):
        before, after = explainer.detector.logits(np.stack([case.face, case.forged]))
        found.rises.append(float(after - before))
        for method in methods:
            found.ratios.setdefault(method, []).append(ratio(explainer.heat_map(case.forged, method), case.where))
    return found


def shipped() -> Iterator[Card]:
    """Cards of the detectors of single faces whose weights come with the project."""
    for name in json.loads((SHIPPED_WEIGHTS / "manifest.json").read_text(encoding="utf-8")):
        if (card := registry.card(name)).modality == "image":
            yield card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="a Markdown file")
    asked = parser.parse_args()
    settings = build_settings()
    lines = [_HEAD]
    for card in shipped():
        explainer = Explainer(*as_found(card, settings), "cpu")
        methods: tuple[Method, ...] = tuple(m for m in explainer.methods if m != "scorecam")
        lines += [_row(look(explainer, card, block, methods)) for block in BLOCKS]
    text = "\n".join(lines) + "\n"
    if asked.write is not None:
        asked.write.write_text(text, encoding="utf-8")
    print(text)


_HEAD = """# Heat inside a planted patch

Printed by `python -m benchmarks.heat --write docs/measured/heat.md`.

A patch of blocks as wide as told, a quarter of the face across, at four places of two drawn faces: 8 cases a row. The
figure of each method is the median of mean heat inside over mean heat outside, and in how many cases it is 3 or more.
"Rise" is the median change of the logit of P(fake) by the patch: where it is near zero the detector does not take the
patch for a fake, and no map of it can show one.

| Detector | Blocks | Rise | Own map | Layer-CAM | Grad-CAM | Grad-CAM++ | Eigen-CAM |
|---|---|---|---|---|---|---|---|"""
_COLUMNS: tuple[Method, ...] = ("own", "layercam", "gradcam", "gradcam++", "eigencam")


def _row(found: Found) -> str:
    cells = [f"`{found.detector}`", f"{found.block} px", f"{np.median(found.rises):+.2f}"]
    for method in _COLUMNS:
        ratios = found.ratios.get(method)
        enough = sum(r >= ENOUGH for r in ratios or ())
        cells.append(f"{np.median(ratios):.1f} ({enough} of {len(ratios)})" if ratios else "–")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
