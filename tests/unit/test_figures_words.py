"""Plain words and marked pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core import wording
from core.figures.style import PALETTES
from core.overlays import annotate, draw_faces, faces_at, nearest_moment, telling_moment
from core.types import Label, Modality, Stage, Status
from tests import analyses


@pytest.mark.parametrize(
    ("p", "text"), [(None, "–"), (0.0, "0%"), (0.001, "<1%"), (0.874, "87%"), (0.997, ">99%"), (1.0, "100%")]
)
def test_percentages_never_claim_certainty(p, text):
    assert wording.percent(p) == text


@pytest.mark.parametrize(
    ("t", "text"), [(0, "0:00.0"), (59.96, "1:00.0"), (75.25, "1:15.2"), (3661.5, "1:01:01.5"), (-1, "0:00.0")]
)
def test_clock(t, text):
    assert wording.clock(t) == text


@pytest.mark.parametrize(
    ("n", "text"), [(12, "12 bytes"), (912_345, "912.3 kB"), (5_000_000, "5.0 MB"), (2e9, "2.0 GB")]
)
def test_sizes(n, text):
    assert wording.size(int(n)) == text


def test_everything_has_a_name():
    assert set(wording.VERDICT_TITLES) == set(wording.VERDICT_SUMMARIES) == set(wording.LABEL_WORDS) == set(Label)
    assert set(wording.STATUS_WORDS) == set(Status)
    assert set(wording.MODALITY_WORDS) == set(Modality)
    assert set(wording.STAGE_TITLES) == set(Stage)


def test_agreement_is_said_in_numbers():
    verdict = analyses.clip().verdict
    assert wording.agreement(verdict) == "all 2 models agree"
    assert wording.agreement(replace(verdict, agreement=0.5)) == "1 of 2 models agree"
    assert wording.agreement(analyses.picture().verdict) == "one model voted"
    assert wording.agreement(analyses.landscape().verdict) == ""


def test_the_driving_person_is_named():
    assert wording.driver(analyses.clip()) == "Person 2 of 2"
    assert wording.driver(analyses.picture()) == "Person 1"
    assert wording.driver(analyses.landscape()) == ""


def test_enhancement_is_reported_with_its_extent():
    assert wording.enhancement_notes(analyses.clip()) == (
        "To find faces, 3 of 16 frames were enhanced: low light: gamma.",
    )
    assert wording.enhancement_notes(analyses.picture()) == ()


def test_media_rows_hold_known_facts_only():
    rows = dict(wording.media_rows(analyses.clip().media))
    assert rows["Video codec"] == "h264, High, yuv420p"
    assert rows["Picture"] == "1280 × 720 px"
    assert rows["Sound"] == "aac, 44.1 kHz, stereo"
    assert "Bit rate" not in dict(wording.media_rows(analyses.picture().media))


@pytest.mark.parametrize("shape", [(120, 160, 3), (2160, 3840, 3)])
def test_a_box_is_drawn_in_the_colour_of_its_side(shape):
    grey = np.full(shape, 128, np.uint8)
    h, w = shape[:2]
    box = (0.25 * w, 0.25 * h, 0.75 * w, 0.75 * h)
    out = draw_faces(grey, [box], ["Person 1"], [0.9], analyses.LIMITS)
    code = PALETTES["light"].fake
    fake = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)])
    assert out.shape == grey.shape
    assert (grey == 128).all(), "the input was drawn into"
    assert np.abs(out[round(0.6 * h), round(0.25 * w)].astype(int) - fake).max() <= 8
    assert (out[round(0.5 * h), round(0.5 * w)] == 128).all()
    assert (out == 255).all(axis=2).sum() > 20, "no white text or rim"


def test_boxes_beyond_the_picture_and_odd_names_are_drawn():
    grey = np.full((90, 90, 3), 128, np.uint8)
    out = draw_faces(grey, [(-50, -50, 400, 400)], ["Особа 人 <b>"], [None])
    assert (out != grey).any()


def test_one_score_for_each_box():
    with pytest.raises(ValueError, match="zip"):
        draw_faces(np.zeros((9, 9, 3), np.uint8), [(0, 0, 5, 5)], ["a"], [])


def test_faces_of_a_moment_carry_the_mean_of_their_scores():
    analysis = analyses.clip()
    first, second = faces_at(analysis, 0.0)
    assert (first.track_id, second.track_id) == (1, 2)
    assert first.p_fake == pytest.approx((0.2 + 0.24) / 2)
    assert second.box == analysis.tracks[1].faces[0].box
    assert faces_at(analysis, 0.1) == ()


def test_the_telling_moment_is_the_worst_of_the_driving_person():
    analysis = analyses.clip()
    worst = max(zip(analysis.timelines[1].p_fake, analyses.TIMES, strict=True))[1]
    assert telling_moment(analysis) == worst
    assert telling_moment(analyses.landscape()) == 0.0
    assert nearest_moment(analysis, 1.1) == 1.0


def test_annotating_draws_every_face():
    analysis = analyses.clip()
    grey = np.full((720, 1280, 3), 128, np.uint8)
    out = annotate(analysis, grey, 0.0)
    for track in analysis.tracks:
        x0, y0, _, y1 = (round(v) for v in track.faces[0].box)
        assert (out[(y0 + y1) // 2, x0] != 128).any()
