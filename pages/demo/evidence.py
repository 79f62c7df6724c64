"""Pictures behind a result: the chosen file, and single frames with their faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from core import wording
from core.media.decoding import decoder
from core.overlays import annotate, faces_at, nearest_moment
from core.settings import Settings
from core.types import RGB, Analysis, MediaFacts, MediaKind, MediaRef
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
    rgb = annotate(analysis, _picture(shown.path, analysis.media, moment, settings), moment)
    faces = faces_at(analysis, moment)
    who = ", ".join(f"{wording.person(f.track_id)} {wording.percent(f.p_fake)}" for f in faces) or "no face found here"
    where = "Picture" if analysis.media.info.kind is MediaKind.IMAGE else f"Frame at {wording.clock(moment)}"
    return cards.frame(rgb, f"{where}: {who}", f"{where} with marked faces: {who}")


def _picture(path: Path, media: MediaFacts, t_s: float, settings: Settings) -> RGB:
    if media.info.kind is MediaKind.IMAGE:
        ref = MediaRef(path, media.sha256, media.info.kind, media.format, media.size_bytes, media.name)
        return decoder(settings).image(ref)[0][0].rgb
    return decoder(settings).frame_at(path, t_s).rgb
