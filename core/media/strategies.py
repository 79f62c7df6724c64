"""Ways to choose frames of a clip. Each keeps no more than the frames it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from core.media.clips import Clip
from core.media.sampling import Span, bin_centres
from core.media.scenes import Impression, cut_positions, impression
from core.types import RGB, Frame

OnFrame: TypeAlias = Callable[[int, int], None]
"""Told (frames read, frames expected) after each frame; it may raise to stop the reading."""

Rate: TypeAlias = Callable[[RGB], float]
"""How good a frame is; higher is better."""

_SCENE_CANDIDATES = 4
_QUALITY_CANDIDATES = 2


@dataclass(slots=True)
class Taken:
    """Frames in order of time; of ``asked`` moments those in ``lost_s`` could not be read."""

    asked: int
    frames: list[Frame] = field(default_factory=list)
    lost_s: list[float] = field(default_factory=list)

    @property
    def lost_tail(self) -> bool:
        """Whether what is lost is the end of the clip, and more than a tenth of it."""
        return bool(self.frames and len(self.lost_s) * 10 > self.asked and min(self.lost_s) > self.frames[-1].t_s)


def uniform(clip: Clip, span: Span, count: int, tell: OnFrame) -> Taken:
    """The frames shown in the middle of ``count`` equal parts of ``span``."""
    times = bin_centres(span, count)
    return _exactly(clip, span, times, tell, exact=None)


def _exactly(clip: Clip, span: Span, times: Sequence[float], tell: OnFrame, exact: bool | None) -> Taken:
    taken = Taken(len(times))
    for position, shot in clip.at(times, span, exact):
        if shot is None:
            taken.lost_s.append(times[position])
        else:
            taken.frames.append(shot.frame())
        tell(position + 1, len(times))
    return taken


def every(clip: Clip, span: Span, at_most: int, tell: OnFrame) -> Taken:
    """All frames of ``span``, up to ``at_most``."""
    taken = Taken(max(1, round(span.expected_frames)))
    for shot in clip.run(span.start_s):
        if len(taken.frames) == at_most or shot.t_s >= span.end_s + 1.0:
            break
        taken.frames.append(shot.frame())
        tell(min(len(taken.frames), taken.asked), taken.asked)
    if taken.frames and len(taken.frames) < at_most:
        step = 1 / span.fps
        taken.lost_s = [float(t) for t in np.arange(taken.frames[-1].t_s + 1.0, span.end_s, step)]
    return taken


def sharpest(clip: Clip, span: Span, count: int, rate: Rate, tell: OnFrame) -> Taken:
    """Of two candidates in each of ``count`` equal parts of ``span`` the one that ``rate`` puts higher."""
    times = bin_centres(span, count * _QUALITY_CANDIDATES)
    taken = Taken(len(times))
    best: dict[int, tuple[float, Frame]] = {}
    for position, shot in clip.at(times, span):
        tell(position + 1, len(times))
        if shot is None:
            taken.lost_s.append(times[position])
            continue
        frame = shot.frame()
        score = rate(frame.rgb)
        part = position // _QUALITY_CANDIDATES
        if part not in best or score > best[part][0]:
            best[part] = score, frame
    taken.frames = [best[part][1] for part in sorted(best)]
    return taken


def by_scene(clip: Clip, span: Span, count: int, tell: OnFrame) -> Taken:
    """``count`` frames spread over the scenes, at least one of each while there are enough.

    Scenes are found among four candidates a frame, so that a long clip is not decoded for it.
    """
    candidates = bin_centres(span, count * _SCENE_CANDIDATES)
    seen: list[tuple[float, Impression]] = []
    lost = []
    for position, shot in clip.at(candidates, span):
        if shot is None:
            lost.append(candidates[position])
        else:
            seen.append((shot.t_s, impression(shot.frame().rgb)))
        tell(position + 1, len(candidates) + count)
    chosen = spread([t for t, _ in seen], cut_positions([i for _, i in seen]), count)
    taken = _exactly(clip, span, chosen, lambda done, _: tell(len(candidates) + done, len(candidates) + count), True)
    taken.asked += len(lost)
    taken.lost_s = sorted([*taken.lost_s, *lost])
    return taken


def spread(times_s: Sequence[float], cuts: Sequence[int], count: int) -> list[float]:
    """Choose ``count`` of ``times_s`` so that every scene (which begin at 0 and at ``cuts``) has its share: one each,
    the rest by length. With more scenes than ``count`` the longest are taken."""
    starts = [0, *cuts]
    scenes = [times_s[a:b] for a, b in zip(starts, [*cuts, len(times_s)], strict=True) if b > a]
    if len(scenes) > count:
        scenes = sorted(sorted(scenes, key=len, reverse=True)[:count], key=lambda s: s[0])
    if not scenes:
        return []
    shares = [1] * len(scenes)
    for _ in range(min(count, len(times_s)) - len(scenes)):
        roomy = [i for i, scene in enumerate(scenes) if shares[i] < len(scene)]
        if not roomy:
            break
        shares[max(roomy, key=lambda i: len(scenes[i]) / shares[i])] += 1
    return [t for scene, share in zip(scenes, shares, strict=True) for t in _evenly(scene, share)]


def _evenly(times_s: Sequence[float], count: int) -> list[float]:
    return [times_s[int((i + 0.5) * len(times_s) / count)] for i in range(count)]
