"""Pictures behind a result: the chosen file, and single frames with their faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from core import wording
from core.errors import NotFoundError
from core.explain.choices import frame_detectors
from core.explain.overlay import overlay
from core.media.decoding import decoder
from core.media.moment import picture_at
from core.overlays import annotate, faces_at, nearest_moment
from core.settings import Settings
from core.types import Analysis, MediaKind
from pages import engine
from pages.demo import cards


@dataclass(frozen=True, slots=True)
class Shown:
    """The result on a visitor's page and the file it is about. ``label_id`` is set once feedback was given."""

    analysis: Analysis
    path: Path
    label_id: int | None = None


def preview(path: Path, settings: Settings) -> str:
    """The chosen file as HTML.

    Raises:
        WorkbenchError: it is not a medium that can be read.
    """
    reader = decoder(settings)
    ref = reader.identify(path)
    detail = f"Read as {ref.format.upper()} {ref.kind.value}"
    if ref.kind is MediaKind.IMAGE:
        return cards.preview(ref.kind.value, ref.name, detail, image=reader.image(ref)[0][0].rgb)
    return cards.preview(ref.kind.value, ref.name, detail, url=f"gradio_api/file={quote(str(path))}")


def frame(shown: Shown, t_s: float, settings: Settings) -> str:
    """The looked-at frame nearest to ``t_s``, faces marked, as HTML.

    Raises:
        WorkbenchError: the file is gone or cannot be read any more.
    """
    analysis = shown.analysis
    moment = nearest_moment(analysis, t_s)
    rgb = annotate(analysis, picture_at(shown.path, analysis.media, moment, settings), moment)
    return cards.frame(rgb, f"{_where(analysis, moment)}: {_who(analysis, moment)}", _alt(analysis, moment))


def heat(shown: Shown, t_s: float, settings: Settings) -> str:
    """The same frame with what the first model that looks at frames reacted to, as HTML. Runs a network.

    Raises:
        WorkbenchError: nothing of it can be explained, or the file cannot be read any more.
    """
    analysis = shown.analysis
    detectors = frame_detectors(analysis)
    if not detectors:
        raise NotFoundError(
            "No model that looks at single frames gave a score, so there is no heat map.",
            hint="Look at the frame itself.",
        )
    found = engine.explain_frame(analysis, shown.path, t_s, None, next(iter(detectors)), None, settings)
    words = " ".join((f"{_where(analysis, found.t_s)}, by {found.title}.", *found.words))
    return cards.frame(overlay(found.rgb, found.heat), words, f"Heat map. {words}")


def _where(analysis: Analysis, moment: float) -> str:
    return "Picture" if analysis.media.info.kind is MediaKind.IMAGE else f"Frame at {wording.clock(moment)}"


def _who(analysis: Analysis, moment: float) -> str:
    faces = faces_at(analysis, moment)
    return ", ".join(f"{wording.person(f.track_id)} {wording.percent(f.p_fake)}" for f in faces) or "no face found here"


def _alt(analysis: Analysis, moment: float) -> str:
    return f"{_where(analysis, moment)} with marked faces: {_who(analysis, moment)}"
