"""Figures of what networks over time tell of themselves."""

from __future__ import annotations

from dataclasses import replace

from core import figures, wording
from core.facts import Attention, Head
from core.types import Analysis, Modality, Timeline
from tests import analyses

TIMES = (0.5, 0.54, 0.58, 2.5, 2.54, 2.58)
WEIGHTS = (0.4, 2.0, 0.6, 1.0, 1.0, 1.0)
HEADS = (Head("motion", 0.8, (0.54, 2.54), (0.9, 0.7)), Head("fingerprint", 0.3, (0.54, 2.54), (0.2, 0.4)))


def _analysis() -> Analysis:
    made = analyses.clip()
    told = {"modality": Modality.CLIP, "attention": Attention(TIMES, WEIGHTS), "heads": HEADS}
    rows = [analyses.score("clip-net", p, who, **told) for who, p in ((1, 0.2), (2, 0.9))]
    lines = [Timeline("clip-net", who, (0.54, 2.54), (p, p)) for who, p in ((1, 0.2), (2, 0.9))]
    return replace(made, scores=(*made.scores, *rows), timelines=(*made.timelines, *lines))


def test_attention_is_on_the_clock_of_the_timeline_with_the_driver_first() -> None:
    found = _analysis()
    fig = figures.attention(found)
    assert [tuple(trace.customdata[0]) for trace in fig.data] == [(0.5, 2), (0.5, 1)]
    assert list(fig.layout.xaxis.range) == list(figures.timeline(found).layout.xaxis.range)
    first = fig.data[0]
    assert [t for t in first.x if t is not None] == list(TIMES)
    assert [w for w in first.y if w is not None] == list(WEIGHTS)
    assert first.x[3] is None, "windows far apart are not joined"
    assert [shape.y0 for shape in fig.layout.shapes] == [1, 1]


def test_a_long_name_goes_onto_a_second_line_and_runs_no_markup() -> None:
    made = analyses.clip()
    seen = Attention(TIMES, WEIGHTS)
    row = analyses.score("clip-net", 0.9, 2, title="<i>Face</i> over time (two networks and attention)", attention=seen)
    (lane,) = figures.attention(replace(made, scores=(row,))).layout.annotations
    assert lane.text.startswith("<b>Person 2</b> · &lt;i&gt;Face")
    assert lane.text.count("<br>") == 1


def test_heads_stand_beside_what_came_of_them() -> None:
    fig = figures.heads(_analysis())
    names = [trace.name for trace in fig.data if trace.yaxis == "y"]
    assert names == [*wording.HEAD_WORDS, "together"]
    assert [list(trace.y) for trace in fig.data if trace.yaxis == "y"] == [[0.9, 0.7], [0.2, 0.4], [0.9, 0.9]]
    assert [trace.showlegend for trace in fig.data] == [True] * 3 + [False] * 3


def test_what_is_not_told_is_said() -> None:
    assert "attended" in figures.attention(analyses.clip()).layout.annotations[0].text
    assert "one head" in figures.heads(analyses.clip()).layout.annotations[0].text


def test_words_name_the_moment_that_stands_out_or_that_none_does() -> None:
    found = analyses.score("clip-net", 0.9, 1, attention=Attention(TIMES, WEIGHTS))
    assert wording.attention(found) == "Clip Net attended most to the frame at 0:00.5: 2.0 times an even share."
    even = replace(found, attention=Attention(TIMES, (1.0,) * 6))
    assert "all frames about alike" in wording.attention(even)
    assert wording.attention(analyses.score("net-a")) == ""
