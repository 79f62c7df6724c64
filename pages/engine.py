"""The way of both front ends to the pipeline, which loads the networks' library when it is first needed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.explain.frames import FrameHeat
    from core.explain.methods import Method
    from core.explain.sound import SoundHeat
    from core.reports.content import Picture
    from core.settings import Settings
    from core.types import Analysis, Progress

_loading = threading.Lock()


class Analyse(Protocol):
    """:func:`core.pipeline.analyse`."""

    def __call__(
        self,
        source: Path,
        settings: Settings,
        on_progress: Callable[[Progress], None] | None = None,
        *,
        name: str | None = None,
    ) -> Analysis: ...


def load_analyse() -> Analyse:
    """Import the pipeline, or wait until another thread has done so.

    The lock is needed: where two threads import the same large library at once, Python may hand one of them a module
    that is only half there rather than risk a deadlock.
    """
    with _loading:
        from core.pipeline import analyse

        return analyse


def explain_frame(
    analysis: Analysis,
    media_path: Path,
    t_s: float,
    track_id: int | None,
    detector_id: str,
    method: Method | None,
    settings: Settings,
) -> FrameHeat:
    """:func:`core.explain.frames.explain_frame`."""
    with _loading:
        from core.explain import frames
    return frames.explain_frame(analysis, media_path, t_s, track_id, detector_id, method, settings)


def explain_sound(analysis: Analysis, media_path: Path, t_s: float, detector_id: str, settings: Settings) -> SoundHeat:
    """:func:`core.explain.sound.explain_sound`."""
    with _loading:
        from core.explain import sound
    return sound.explain_sound(analysis, media_path, t_s, detector_id, settings)


def report_pictures(analysis: Analysis, media_path: Path | None, settings: Settings) -> tuple[Picture, ...]:
    """:func:`core.reports.pictures.report_pictures`."""
    with _loading:
        from core.reports import pictures
    return pictures.report_pictures(analysis, media_path, settings)
