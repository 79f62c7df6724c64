"""Frames of a medium on a page: the exact frame behind a point of the timeline, with boxes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import wording
from core.errors import NotFoundError
from core.figures import timeline
from core.media.image import read_image
from core.media.video import frame_at
from core.overlays import draw_faces
from core.settings import Limits
from core.types import RGB, Analysis, Box, MediaFacts, MediaKind, MediaRef
from pages.workbench.common import guarded, settings, theme, uploads


@dataclass(frozen=True, slots=True)
class Marks:
    """Faces of one frame: boxes in px, names, P(fake) in [0, 1] or None."""

    boxes: tuple[Box, ...]
    names: tuple[str, ...]
    scores: tuple[float | None, ...]


def marks_at(analysis: Analysis, t_s: float) -> Marks:
    """The faces found in the sampled frame at ``t_s``, each with the mean of its models' scores there."""
    found = [(t.id, t.faces[t.t_s.index(t_s)].box) for t in analysis.tracks if t_s in t.t_s]
    return Marks(
        tuple(box for _, box in found),
        tuple(wording.person(track_id) for track_id, _ in found),
        tuple(_score_at(analysis, track_id, t_s) for track_id, _ in found),
    )


def most_telling(analysis: Analysis) -> float:
    """Time of the frame where the person who drives the verdict scores highest; the first frame without scores."""
    times = [f.t_s for f in analysis.frames] or [0.0]
    driver = analysis.verdict.track_id
    scored = [(p, t) for t in times if (p := _score_at(analysis, driver, t)) is not None]
    return max(scored, key=lambda pair: (pair[0], -pair[1]))[1] if scored else times[0]


def nearest(times: Sequence[float], t_s: float) -> int:
    """Position of the time that is closest to ``t_s`` in a sorted, non-empty sequence."""
    right = min(bisect_left(times, t_s), len(times) - 1)
    left = max(0, right - 1)
    return left if abs(times[left] - t_s) <= abs(times[right] - t_s) else right


def over_time(analysis: Analysis, place: str, left: DeltaGenerator, right: DeltaGenerator) -> None:
    """The timeline, one lane a person, on the left; the frame that was clicked on the right."""
    times = [f.t_s for f in analysis.frames]
    chosen = f"moment-{place}-{analysis.id[:12]}"
    with left:
        st.markdown("### Over time")
        chart = f"timeline-{place}-{analysis.id[:12]}"
        st.plotly_chart(
            timeline(analysis, theme=theme()).update_layout(clickmode="event+select"),
            theme=None,
            key=chart,
            on_select=partial(_clicked, chart, chosen),
            selection_mode="points",
            config={"displayModeBar": False},
            alt="P(fake) over time, one lane a person",
        )
        st.caption("Click a point to see that frame.")
    with right, guarded():
        if not times:
            return
        at = nearest(times, st.session_state.get(chosen, most_telling(analysis)))
        st.markdown(f"### Frame at {wording.clock(times[at])}")
        _show(analysis, times[at])
        _steps(times, at, chosen)


def picture(analysis: Analysis) -> None:
    """A still picture with boxes, or a player for sound."""
    media = analysis.media
    with guarded():
        if media.info.kind is MediaKind.AUDIO:
            st.audio(str(kept_file(media)))
        else:
            _show(analysis, analysis.frames[0].t_s if analysis.frames else 0.0)


def kept_file(media: MediaFacts) -> Path:
    """Where the medium is kept.

    Raises:
        NotFoundError: it is not kept here.
    """
    path = uploads().path_of(media.sha256)
    if path is None:
        raise NotFoundError(
            "The file itself is no longer kept here, only its analysis.", hint="Upload it again to see its frames."
        )
    return path


@st.cache_data(max_entries=64, show_spinner=False)
def decode(path: str, sha256: str, kind: MediaKind, t_s: float) -> RGB:
    """The exact frame at ``t_s`` as it was scored, uint8[H, W, 3]; pictures have one at 0.

    Raises:
        WorkbenchError: it cannot be decoded.
    """
    if kind is MediaKind.VIDEO:
        return frame_at(Path(path), t_s).rgb
    frames, _ = read_image(MediaRef(Path(path), sha256, kind, "", 0, ""), _limits())
    return frames[0].rgb


def _limits() -> Limits:
    return settings().limits


def _show(analysis: Analysis, t_s: float) -> None:
    media = analysis.media
    rgb = decode(str(kept_file(media)), media.sha256, media.info.kind, t_s)
    marks = marks_at(analysis, t_s)
    marked = draw_faces(rgb, marks.boxes, marks.names, marks.scores, analysis.verdict.thresholds)
    st.image(marked, width="stretch", output_format="JPEG", alt="Frame with the faces that were found")
    if not marks.boxes:
        st.caption("No face was found in this frame.")


def _steps(times: Sequence[float], at: int, chosen: str) -> None:
    """One frame back, how far, one frame on."""

    def go(to: int) -> None:
        st.session_state[chosen] = times[to]

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Back", key=f"back-{chosen}", icon=":material/chevron_left:", disabled=at == 0, on_click=go, args=(at - 1,)
        )
        st.button(
            "On",
            key=f"on-{chosen}",
            icon=":material/chevron_right:",
            disabled=at == len(times) - 1,
            on_click=go,
            args=(at + 1,),
        )
        st.caption(f"{at + 1} of {len(times)} frames that were looked at")


def _clicked(chart: str, chosen: str) -> None:
    points = st.session_state[chart].selection.points
    if points:
        st.session_state[chosen] = float(points[0]["customdata"][0])


def _score_at(analysis: Analysis, track_id: int | None, t_s: float) -> float | None:
    values = [
        line.p_fake[line.t_s.index(t_s)] for line in analysis.timelines if line.track_id == track_id and t_s in line.t_s
    ]
    return sum(values) / len(values) if values else None
