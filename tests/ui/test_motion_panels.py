"""Facts of motion in words, on the pages and in reports: beside the verdict, with what each means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core.faces import words
from core.facts import Attention, MotionFacts
from core.reports.content import Item, sections
from core.settings import build_settings
from core.types import Analysis
from pages.demo import cards
from pages.demo.evidence import Shown
from pages.demo.result import filled
from tests.analyses import clip, picture


@pytest.fixture
def moving() -> Analysis:
    base = clip()
    facts = (
        MotionFacts(1, 64, "Optical flow explains 82% of it.", 0.82, 0.0, 0.013, (0.5, 2.5), (0.2, 0.6)),
        MotionFacts(2, 16, "The face hardly moves <b>.", None, None, None),
    )
    seen = replace(base.scores[1], attention=Attention((0.1, 0.2), (0.6, 1.4)))
    return replace(base, motion=facts, scores=(base.scores[0], seen, *base.scores[2:]))


def test_each_person_has_a_row_and_what_was_not_measured_is_a_dash(moving) -> None:
    assert words.rows(moving) == [
        ("Person 1", "64", "82%", "0%", "1.3%", "40%", "60% at 0:02.5"),
        ("Person 2", "16", "–", "–", "–", "–", "–"),
    ]
    assert all(len(row) == len(words.HEAD) for row in words.rows(moving))


def test_sentences_name_the_person_and_the_moment_looked_at(moving) -> None:
    told = words.told(moving)
    assert told[0] == "Person 1: Optical flow explains 82% of it."
    assert told[2].startswith("Person 2: Net A attended most to the frame at 0:00.2")


def test_a_report_says_it_with_what_it_means_and_that_it_has_no_vote(moving) -> None:
    (part,) = [s for s in sections(Item(moving)) if s.title == "How the faces move"]
    assert "none of them has a vote" in part.text[0]
    assert part.grid is not None
    assert part.grid.head == words.HEAD
    assert any(line.startswith("Tremor: ") for line in part.bullets)
    assert not [s for s in sections(Item(picture())) if s.title == "How the faces move"]


def test_the_demo_s_card_says_the_same_and_escapes(moving) -> None:
    html = cards.motion(moving)
    assert "none of them has a vote" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert cards.motion(clip()) == ""


def test_the_demo_shows_the_panel_only_where_there_is_motion(moving, tmp_path) -> None:
    settings = build_settings(data_dir=tmp_path)
    for analysis, there in ((moving, True), (clip(), False)):
        values = filled(Shown(analysis, tmp_path / "gone.mp4"), settings)
        assert (cards.attention() in values) is there
        at = values.index(cards.motion(moving) if there else "", 5)
        assert values[at - 1]["visible"] is there


def test_the_workbench_says_it_in_a_tab_of_its_own(moving) -> None:
    def page(analysis):
        from pages.workbench.moves import moves_view

        moves_view(analysis)

    at = AppTest.from_function(page, default_timeout=60, kwargs={"analysis": moving}).run()
    assert not at.exception
    shown = "\n".join(part.value for part in [*at.markdown, *at.caption])
    assert "none of them has a vote" in shown
    assert at.table[0].value["Unrest"].tolist() == ["40%", "–"]
    still = AppTest.from_function(page, default_timeout=60, kwargs={"analysis": clip()}).run()
    assert "No model of this preset looked at how faces move" in still.caption[0].value
