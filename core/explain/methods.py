"""The ways to explain a frame detector, by name. Imports no network library."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

Method: TypeAlias = Literal["own", "layercam", "gradcam", "gradcam++", "scorecam", "eigencam"]


@dataclass(frozen=True, slots=True)
class MethodWords:
    """``title`` for menus, ``says`` in plain words what bright places mean."""

    title: str
    says: str


# Best first: a page that offers no choice takes the first that a detector has.
METHODS: MappingProxyType[Method, MethodWords] = MappingProxyType(
    {
        "own": MethodWords(
            "The network's own map", "This network judges every place by itself; the map is P(fake) of each."
        ),
        "layercam": MethodWords(
            "Layer-CAM", "Bright places raise this detector's score for a fake, each weighed by its own gradient."
        ),
        "gradcam": MethodWords(
            "Grad-CAM", "Bright places hold features that on the whole raise this detector's score for a fake."
        ),
        "gradcam++": MethodWords("Grad-CAM++", "As Grad-CAM, but several small places show better beside a large one."),
        "scorecam": MethodWords(
            "Score-CAM (slow)", "Bright places keep the score for a fake high when little else is shown. No gradients."
        ),
        "eigencam": MethodWords(
            "Eigen-CAM", "Where the network is most active at all, whether that speaks for a fake or against it."
        ),
    }
)

RELATIVE = (
    "Brightness is relative within this face: some place is always brightest, also where the detector finds no sign of "
    "a fake. A map explains a score; it is none itself."
)
