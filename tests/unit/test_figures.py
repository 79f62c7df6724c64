"""What the figures show, not only that they are drawn."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from core import figures
from core.figures.style import PALETTES, label_at, wrap
from core.types import Label, Status, SyncCurve, Thresholds
from tests import analyses

DRAWERS = (
    figures.consensus_bars,
    figures.timeline,
    figures.sync_curve,
    figures.verdict_bar,
    figures.face_quality,
    figures.attention,
    figures.heads,
)


def _texts(fig) -> str:
    return " | ".join(str(a.text) for a in fig.layout.annotations)


def _trace(fig, name):
    return next(t for t in fig.data if t.name == name)


def _contrast(first: str, second: str) -> float:
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["text", "muted", "fake", "real", "uncertain"])
def test_colours_can_be_read_on_their_background(theme, name):
    palette = PALETTES[theme]
    assert _contrast(getattr(palette, name), palette.surface) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("draw", DRAWERS)
@pytest.mark.parametrize("make", [analyses.clip, analyses.picture, analyses.landscape])
def test_every_figure_can_be_drawn_from_every_analysis(draw, make, theme):
    fig = draw(make(), theme=theme)
    assert fig.data or fig.layout.annotations, "neither data nor an explanation"
    assert fig.layout.font.color == PALETTES[theme].text
    assert "NaN" not in fig.to_json()


def test_consensus_shows_the_driving_person_and_the_others_as_diamonds():
    fig = figures.consensus_bars(analyses.clip())
    assert list(_trace(fig, "P(fake)").x) == [0.86, 0.76]
    others = _trace(fig, "other people")
    assert sorted(others.x) == [0.2, 0.24]
    assert {row[2] for row in others.customdata} == {"Person 1"}
    assert "Person 2" in _texts(fig)


def test_consensus_says_what_each_percentage_is():
    kinds = [row[2] for row in _trace(figures.consensus_bars(analyses.clip()), "P(fake)").customdata]
    assert kinds == ["raw score, not calibrated", "calibrated (Platt, n=400, ECE 0.031, fit deadbeef)"]


def test_consensus_hatches_whoever_did_not_answer_and_says_why():
    silent = _trace(figures.consensus_bars(analyses.clip()), "no answer")
    assert silent.marker.pattern.shape == "/"
    assert [tuple(row) for row in silent.customdata] == [
        ("Voice Net", "not available", "its weights are not on this machine")
    ]
    assert "not available" in _texts(figures.consensus_bars(analyses.clip()))


def test_consensus_colours_follow_the_thresholds():
    analysis = analyses.clip()
    strict = replace(analysis, verdict=replace(analysis.verdict, thresholds=Thresholds(0.8, 0.1)))
    palette = PALETTES["light"]
    assert list(_trace(figures.consensus_bars(strict), "P(fake)").marker.color) == [palette.fake, palette.uncertain]


def test_a_long_title_leaves_room_for_the_answer_beside_it():
    analysis = analyses.picture()
    long = replace(
        analysis, scores=(analyses.score("net-a", 0.5, 1, title="Face over time (two nets and attention) & more"),)
    )
    fig = figures.consensus_bars(long)
    title = next(a for a in fig.layout.annotations if a.text.startswith("Face"))
    assert title.text == "Face over time (two nets and<br>attention) &amp; more"
    assert fig.layout.height > figures.consensus_bars(analysis).layout.height
    bars, px = _trace(fig, "P(fake)"), fig.layout.height - fig.layout.margin.t - fig.layout.margin.b
    low, high = sorted(fig.layout.yaxis.range)
    assert 20 < bars.width * px / (high - low) < 24, "bars keep their height in pixels"


def test_consensus_does_not_run_markup_of_a_title():
    analysis = analyses.picture()
    nasty = replace(analysis, scores=(analyses.score("net-a", 0.5, 1, title="<b>x</b>"),))
    assert "&lt;b&gt;x" in _texts(figures.consensus_bars(nasty))


def test_timeline_has_a_lane_for_each_person_most_suspicious_first():
    fig = figures.timeline(analyses.clip())
    assert [a.text for a in fig.layout.annotations] == ["<b>Person 2</b>", "<b>Person 1</b>"]
    assert {t.yaxis for t in fig.data if t.yaxis} == {"y", "y2"}
    assert fig.layout.yaxis.domain[0] > fig.layout.yaxis2.domain[1]


def test_timeline_points_say_time_and_person_for_a_click():
    fig = figures.timeline(analyses.clip(), "net-a")
    assert len(fig.data) == 2
    upper = fig.data[0]
    assert list(upper.x) == list(analyses.TIMES)
    assert tuple(upper.customdata[3]) == (0.75, 2)
    assert "0:00.8 · P(fake)" in upper.text[3]


def test_timeline_of_the_whole_file_is_a_lane_of_its_own():
    analysis = analyses.clip()
    sound = replace(analysis, timelines=(*analysis.timelines, analyses.line("voice-net", None, 0.4)))
    fig = figures.timeline(sound)
    assert fig.layout.annotations[2].text == "<b>Whole file</b>"
    assert (0.0, -1) in [tuple(t.customdata[0]) for t in fig.data if t.customdata is not None]


def test_timeline_draws_both_thresholds_in_every_lane():
    lines = [s for s in figures.timeline(analyses.clip()).layout.shapes if s.type == "line"]
    assert sorted((s.yref, s.y0) for s in lines) == [("y", 0.35), ("y", 0.65), ("y2", 0.35), ("y2", 0.65)]


def test_timeline_names_each_detector_once_in_the_legend():
    fig = figures.timeline(analyses.clip())
    assert [t.name for t in fig.data if t.showlegend] == ["Net A", "Net B"]
    assert len({t.line.color for t in fig.data if t.showlegend}) == 2
    assert not figures.timeline(analyses.clip(), "net-a").layout.showlegend


@pytest.mark.parametrize(
    ("analysis", "words"),
    [
        (analyses.landscape(), "single picture"),
        (replace(analyses.clip(), timelines=(), tracks=()), "No face was found"),
        (replace(analyses.clip(), timelines=()), "No model of this preset"),
    ],
)
def test_an_empty_timeline_says_why(analysis, words):
    fig = figures.timeline(analysis)
    assert not fig.data
    assert words in _texts(fig).replace("<br>", " ")


def test_sync_curve_marks_the_best_shift():
    fig = figures.sync_curve(analyses.clip())
    assert "best at +40 ms" in _texts(fig)
    assert fig.data[1].x == (40.0,)


def test_sync_without_an_answer_gives_the_reason():
    silent = replace(analyses.clip(), sync=(SyncCurve("m", Status.NOT_APPLICABLE, "The clip has no sound."),))
    assert "no sound" in _texts(figures.sync_curve(silent))


def test_verdict_bar_shows_probability_zones_and_interval():
    fig = figures.verdict_bar(analyses.clip())
    assert "81%" in _texts(fig)
    assert all(zone in _texts(fig) for zone in ("real", "uncertain", "fake"))
    assert tuple(_trace(fig, "interval").x) == (0.71, 0.89)
    assert "raw score" in _trace(fig, "P(fake)").hovertemplate


def test_verdict_bar_without_a_score_draws_no_mark():
    fig = figures.verdict_bar(analyses.landscape())
    assert not fig.data
    assert "no score" in _texts(fig).replace("<br>", " ")


@pytest.mark.parametrize(
    ("p", "label"), [(0.65, Label.FAKE), (0.649, Label.UNCERTAIN), (0.351, Label.UNCERTAIN), (0.35, Label.REAL)]
)
def test_labels_at_the_thresholds(p, label):
    assert label_at(p, analyses.LIMITS) is label


def test_wrapping_keeps_words_whole():
    assert wrap("one two three", 7) == "one two<br>three"


def test_figures_need_neither_torch_nor_a_page():
    code = (
        "import sys, core.figures, core.overlays, core.reports, core.wording, core.examples;"
        "print([m for m in ('torch', 'gradio', 'streamlit') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_light_figure_recoloured_is_the_dark_figure():
    colours = figures.dark_colours()
    for draw in DRAWERS:
        text = draw(analyses.clip(), theme="light").to_json()
        for light, dark in colours.items():
            text = text.replace(light, dark.upper())
        assert text.lower() == draw(analyses.clip(), theme="dark").to_json().lower()
