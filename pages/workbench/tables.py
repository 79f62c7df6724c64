"""Tables of one analysis: every score with status and reason, the people, the file."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

import pandas as pd
import streamlit as st

from core import wording
from core.types import Analysis, Contribution, FaceTrack, Score
from pages.workbench.common import bullets, escape

_FIGURE_PX = 160


def scores(analysis: Analysis) -> None:
    """One row a model and person, also for models that did not answer."""
    moves = {c.detector: c for c in analysis.verdict.contributions}
    driver = analysis.verdict.track_id
    rows = [_score(s, moves.get(s.detector) if s.track_id in (driver, None) else None) for s in analysis.scores]
    table(rows, "This preset has no models.", "scores")
    made = analysis.environment
    if made is not None:
        st.caption(escape(f"Made with Unmask {made.unmask}, PyTorch {made.torch} on {made.device}."))
    if analysis.timings:
        steps = " · ".join(f"{wording.STAGE_TITLES[t.stage]} {t.seconds:.1f} s" for t in analysis.timings)
        st.caption(escape(steps))


def _score(score: Score, moves: Contribution | None) -> dict[str, str]:
    return {
        "Model": score.title,
        "About": wording.person(score.track_id),
        "Looks at": wording.MODALITY_WORDS[score.modality],
        "Status": wording.STATUS_WORDS[score.status],
        "P(fake)": wording.percent(score.p_fake),
        "Raw": "–" if score.raw is None else f"{score.raw:.3f}",
        "Second looks": "–" if score.spread is None else f"±{100 * score.spread:.0f}",
        "Counts": "–" if moves is None else wording.percent(moves.weight),
        "Moves the verdict by": "–" if moves is None or moves.delta is None else f"{100 * moves.delta:+.0f}",
        "From": str(score.n) if score.n else "–",
        "What the figure is, or why there is none": score.reason if score.p_fake is None else wording.score_kind(score),
    }


def people(analysis: Analysis) -> None:
    """One row a person: how well the face can be seen, and what came of it."""
    results = {p.track_id: p for p in analysis.people}
    rows = []
    for track in analysis.tracks:
        found = results.get(track.id)
        rows.append(
            {
                **_quality(track),
                "P(fake)": wording.percent(found.p_fake if found else None),
                "Range": wording.interval(found.interval) if found and found.interval else "–",
                "Counts": "yes" if found and found.enough else "no",
                "Why not": found.reason if found else "",
            }
        )
    table(rows, "No face was found in the frames that were looked at.", "people")


def _quality(track: FaceTrack) -> dict[str, str]:
    """Medians over the person's frames."""
    return {
        "Person": wording.person(track.id),
        "Frames": str(len(track.frame)),
        "Face, px": f"{median(q.size_px for q in track.quality):.0f}",
        "Sharpness": f"{median(q.blur for q in track.quality):.0f}",
        "Noise": f"{median(q.noise for q in track.quality):.1f}",
        "Brightness": f"{median(q.luma for q in track.quality):.0f}",
        "Turned": f"{median(q.yaw for q in track.quality):+.2f}",
        "Hidden": f"{median(q.occlusion for q in track.quality):.2f}",
    }


def file_facts(analysis: Analysis) -> None:
    """What the container and codec say, and what was noticed about them."""
    table([{"": name, "Value": value} for name, value in wording.media_rows(analysis.media)], "")
    if analysis.media.info.hints:
        st.markdown(bullets(analysis.media.info.hints))
        st.caption("These are facts about the file. They do not change the score.")


def figures(values: Mapping[str, str], notes: Mapping[str, str] | None = None) -> None:
    """Figures side by side, on a small screen two in a row; a note stands below its figure."""
    with st.container(horizontal=True, gap="medium"):
        for name, value in values.items():
            with st.container(width=_FIGURE_PX, gap=None):
                st.metric(name, value)
                if notes and notes.get(name):
                    st.caption(notes[name])


def table(rows: list[dict[str, str]], otherwise: str, key: str = "") -> None:
    """A table whose first column names the rows. With a ``key`` it keeps its width and scrolls on a small screen."""
    if not rows:
        st.caption(otherwise)
        return
    frame = pd.DataFrame([{name: escape(value) for name, value in row.items()} for row in rows])
    with st.container(key=f"wide-{key}" if key else None):
        st.table(frame.set_index(frame.columns[0]), border="horizontal")
