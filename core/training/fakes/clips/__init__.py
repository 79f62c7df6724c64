"""Pseudo-fakes of clips, for detectors that look at motion: what a fake leaves between its frames."""

from __future__ import annotations

from core.training.fakes.base import by_name
from core.training.fakes.clips.animated import Animated
from core.training.fakes.clips.base import Clip, ClipFake
from core.training.fakes.clips.blended import Flicker, Jitter
from core.training.fakes.clips.framed import PAIRED, FrameWise, Tracked
from core.training.fakes.clips.timed import Averaged, RetimedMouth, Shuffled, Stutter, TimeSplice

__all__ = ["Clip", "ClipFake", "all_clip_fakes", "clip_fake"]


def all_clip_fakes() -> dict[str, ClipFake]:
    """Every method by its name."""
    made: tuple[ClipFake, ...] = (
        Tracked(),
        Tracked("tracked-swap", PAIRED),
        FrameWise(),
        Jitter(),
        Flicker(),
        Stutter(),
        TimeSplice(),
        Shuffled(),
        Averaged(),
        RetimedMouth(),
        Animated(),
    )
    return {method.name: method for method in made}


def clip_fake(name: str) -> ClipFake:
    """A method by name.

    Raises:
        NotFoundError: no such method.
    """
    return by_name("pseudo-fake of clips", all_clip_fakes(), name)
