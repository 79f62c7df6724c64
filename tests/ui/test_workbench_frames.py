"""Which frame is shown, and what is marked in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.workbench.frames import marks_at, most_telling, nearest
from tests.analyses import TIMES, clip, landscape, track


def test_every_face_of_a_frame_is_marked_with_the_mean_of_its_models() -> None:
    analysis = clip()
    marks = marks_at(analysis, TIMES[3])
    assert marks.names == ("Person 1", "Person 2")
    assert marks.boxes == tuple(t.faces[3].box for t in analysis.tracks)
    second = [line.p_fake[3] for line in analysis.timelines if line.track_id == 2]
    assert marks.scores[1] == pytest.approx(sum(second) / 2)


def test_a_person_without_scores_is_marked_without_a_number() -> None:
    analysis = replace(clip(), tracks=(track(7),))
    assert marks_at(analysis, TIMES[0]).scores == (None,)


def test_a_time_between_the_frames_marks_nothing() -> None:
    assert marks_at(clip(), 0.1234).boxes == ()


def test_the_frame_shown_first_is_where_the_driving_person_scores_highest() -> None:
    analysis = clip()
    lines = [line for line in analysis.timelines if line.track_id == analysis.verdict.track_id]
    sums = [sum(line.p_fake[i] for line in lines) for i in range(len(TIMES))]
    assert most_telling(analysis) == TIMES[sums.index(max(sums))]


def test_without_scores_the_first_frame_is_shown() -> None:
    assert most_telling(landscape()) == 0.0


@given(st.lists(st.floats(0, 100), min_size=1, unique=True).map(sorted), st.floats(-10, 110))
def test_nearest_is_the_closest_of_all(times: list[float], t_s: float) -> None:
    assert abs(times[nearest(times, t_s)] - t_s) == min(abs(t - t_s) for t in times)
