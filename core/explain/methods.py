"""The ways to explain a frame detector, by name. Imports no network library."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

Method: TypeAlias = Literal["gradcam", "gradcam++", "scorecam", "eigencam", "own"]


@dataclass(frozen=True, slots=True)
class MethodWords:
    """``title`` for menus, ``says`` in plain words what bright places mean."""

    title: str
    says: str


METHODS: MappingProxyType[Method, MethodWords] = MappingProxyType(
    {
        "gradcam": MethodWords(
            "Grad-CAM", "Bright places raise this detector's score for a fake most, as its gradients tell."
        ),
        "gradcam++": MethodWords(
            "Grad-CAM++", "As Grad-CAM, but weighs every place on its own, so several small ones show better."
        ),
        "scorecam": MethodWords(
            "Score-CAM (slow)", "Bright places keep the score for a fake high when only they are shown. No gradients."
        ),
        "eigencam": MethodWords(
            "Eigen-CAM", "Where the network is most active at all, whether that speaks for a fake or against it."
        ),
        "own": MethodWords(
            "The network's own map", "This network judges every place by itself; this is P(fake) of each of them."
        ),
    }
)

RELATIVE = (
    "Brightness is relative within this face: the brightest place is always 1, also where the detector finds no sign "
    "of a fake. The map explains the score; it is no score itself."
)
