"""The mouth of one person at 25 frames a second, cut out steadily: what the lip-sync network looks at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.faces.align import similarity, template, warp
from core.faces.steady import smoothed
from core.sync.mouth import MouthMotion, grey_of
from core.types import Frame, Grey, GreyFrame

FPS = 25.0
_LONGEST_S = 0.3  # a frame further from its place than this does not stand there
_SIGMA_S = 0.25


@dataclass(frozen=True, slots=True)
class View:
    """Which square of the five-point template of 112 px is cut (left, top and width there), and how many px wide."""

    left: float
    top: float
    width: float
    side: int
    grey: bool = True

    def layout(self) -> npt.NDArray[np.float64]:
        """Where eyes, nose and corners of the mouth lie in a crop, float64[5, 2] px; they may lie outside."""
        return (template(112, 1.0).astype(np.float64) - (self.left, self.top)) * (self.side / self.width)

    def with_margin(self, px: int) -> View:
        """The same at the same scale, ``px`` wider on each side."""
        more = px * self.width / self.side
        return View(self.left - more, self.top - more, self.width + 2 * more, self.side + 2 * px, self.grey)


MOUTH = View(34.0, 71.9, 44.0, 64)
"""From the tip of the nose to the chin."""
FACE = View(-21.0, 10.0, 154.0, 224, grey=False)
"""The face as SyncNet sees it (:mod:`core.sync.crops`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Lips:
    """``crops`` uint8[N, S, S] (or [N, S, S, 3] RGB) follow each other without a gap, one every 40 ms; the first is
    shown from ``start_s`` seconds of the medium's clock on."""

    crops: Grey
    start_s: float


def cut_lips(frames: Sequence[Frame | GreyFrame], mouth: MouthMotion, view: View = MOUTH) -> list[Lips]:
    """The mouth wherever it was followed in frames of one window; a new piece begins after each gap.

    Any frame rate is brought to 25 Hz by time stamps: at each place stands the frame whose time on screen has its
    middle nearest.

    Args:
        frames: those of which ``mouth`` was measured.
        view: what of the face is cut; in colour only from frames in colour.
    """
    places = {t: i for i, t in enumerate(mouth.shown_s.tolist())}
    shots = [(frame, places[frame.t_s]) for frame in frames if frame.t_s in places]
    return [_cut(run, mouth, view) for run in _runs(shots) if len(run) > 1]


def _runs(shots: Sequence[tuple[Frame | GreyFrame, int]]) -> Iterator[list[tuple[Frame | GreyFrame, int]]]:
    run: list[tuple[Frame | GreyFrame, int]] = []
    for shot in shots:
        if run and shot[0].t_s - run[-1][0].t_s > _LONGEST_S:
            yield run
            run = []
        run.append(shot)
    if run:
        yield run


def _cut(run: Sequence[tuple[Frame | GreyFrame, int]], mouth: MouthMotion, view: View) -> Lips:
    times = np.asarray([frame.t_s for frame, _ in run])
    points = smoothed(mouth.landmarks[[place for _, place in run]], times, _SIGMA_S)
    target = view.layout()
    shown = [_seen(frame, similarity(face, target), view) for (frame, _), face in zip(run, points, strict=True)]
    return Lips(np.stack([shown[i] for i in on_grid(times)]), float(times[0]))


def on_grid(times_s: npt.NDArray[np.float64]) -> list[int]:
    """Which of frames shown from ``times_s`` float64[N] on, N >= 2, stands at each 1/25 s after the first."""
    length = np.diff(times_s, append=times_s[-1] + np.median(np.diff(times_s)))
    middles = times_s + length / 2
    count = int((times_s[-1] + length[-1] - times_s[0]) * FPS + 1e-3)
    wanted = times_s[0] + (np.arange(count) + 0.5) / FPS
    return [int(np.argmin(np.abs(middles - t))) for t in wanted]


def _seen(frame: Frame | GreyFrame, matrix: npt.NDArray[np.float64], view: View) -> npt.NDArray[np.uint8]:
    pixels = grey_of(frame) if view.grey or isinstance(frame, GreyFrame) else frame.rgb
    return warp(pixels, matrix, view.side, reflect=True)
