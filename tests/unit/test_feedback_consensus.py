"""What labels add up to: agreement, contradiction, and nobody steers alone."""

from __future__ import annotations

import pytest

from core.store.feedback import Label, Truth
from core.training.feedback.consensus import ALONE, MAX_SHARE, UNSIGNED, capped, votes
from core.types import Label as ModelLabel


def said(medium: str, truth: str, reviewer: str = "ann", *, consent: bool = True, retracted: bool = False) -> Label:
    return Label(
        1, "a", medium, reviewer, Truth(truth), None, "", ("swap",), consent, 0.4, ModelLabel.UNCERTAIN, "", retracted
    )


def test_two_who_agree_count_fully_one_half_an_unnamed_one_a_quarter() -> None:
    found = votes([said("a", "fake"), said("a", "fake", "bob"), said("b", "real"), said("c", "fake", "")])
    assert [(v.media_sha256, v.fake, v.weight) for v in found] == [
        ("a", True, 1.0),
        ("b", False, ALONE),
        ("c", True, UNSIGNED),
    ]
    assert found[0].reviewers == ("ann", "bob")
    assert found[0].tags == ("swap",)


def test_a_contradiction_is_held_back_until_a_majority_of_three_speaks() -> None:
    two = [said("a", "fake"), said("a", "real", "bob")]
    assert votes(two)[0].held
    assert votes(two)[0].weight == 0.0
    three = votes([*two, said("a", "real", "cy")])[0]
    assert (three.fake, three.held) == (False, "")
    assert three.weight == pytest.approx(2 / 3)


def test_unsure_without_consent_and_taken_back_say_nothing() -> None:
    assert votes([said("a", "unsure"), said("b", "fake", consent=False), said("c", "fake", retracted=True)]) == []


def test_one_voice_is_brought_down_to_its_share() -> None:
    many = [said(f"{i:02d}", "fake", "mallory") for i in range(40)]
    few = [said(f"x{i}", "real", who) for i in range(4) for who in ("ann", "bob")]
    found = capped(votes(many + few))
    mallory = sum(v.weight for v in found if v.reviewers == ("mallory",))
    assert mallory == pytest.approx(MAX_SHARE * sum(v.weight for v in found))
    assert all(v.weight == 1.0 for v in found if len(v.reviewers) == 2)


@pytest.mark.parametrize("who", ["ann", ""])
def test_a_single_voice_is_held_back_altogether(who: str) -> None:
    found = capped(votes([said("a", "fake", who), said("b", "real", who)]))
    assert all(v.weight == 0.0 and v.held for v in found)
