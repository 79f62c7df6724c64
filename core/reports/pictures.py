"""Pictures that go with a report: the most telling frame, and what of it every frame detector reacted to.

Runs networks: call it from a worker thread.
"""

from __future__ import annotations

from pathlib import Path

from core import wording
from core.errors import WorkbenchError
from core.explain.choices import frame_detectors
from core.explain.frames import explain_frame
from core.explain.methods import METHODS
from core.explain.overlay import overlay
from core.media.moment import picture_at
from core.overlays import annotate, telling_moment
from core.reports.content import Picture
from core.settings import Settings
from core.types import Analysis, MediaKind

_MOST = 3


def report_pictures(analysis: Analysis, media_path: Path | None, settings: Settings) -> tuple[Picture, ...]:
    """The frame that speaks most for a fake with its faces marked, and heat maps of up to three detectors over it.

    None where the medium is not kept, cannot be read any more, or is sound. A detector that cannot be explained here
    is left out.
    """
    if media_path is None or not analysis.frames or analysis.media.info.kind is MediaKind.AUDIO:
        return ()
    moment = telling_moment(analysis)
    try:
        rgb = picture_at(media_path, analysis.media, moment, settings)
    except WorkbenchError:
        return ()
    frame = f"The frame at {wording.clock(moment)}, which speaks most for a fake."
    where = "The picture with its faces." if analysis.media.info.kind is MediaKind.IMAGE else frame
    found = [Picture(annotate(analysis, rgb, moment), where)]
    for detector in list(frame_detectors(analysis))[:_MOST]:
        try:
            heat = explain_frame(analysis, media_path, moment, None, detector, None, settings)
        except WorkbenchError:
            continue
        words = f"{heat.title}, {METHODS[heat.method].title}. {' '.join(heat.words)}"
        found.append(Picture(overlay(heat.rgb, heat.heat), words))
    return tuple(found)
