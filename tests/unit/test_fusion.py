"""Fusion, verdict and calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fusion.calibration import calibrated, sigmoid
from core.fusion.combine import EvidenceRule, evidence_rule, fuse, fuse_person
from core.fusion.verdict import decide, label_of
from core.registry import Calibration, Ensemble, Member
from core.types import Label, MediaKind, Modality, PersonResult, Score, Status, Thresholds, Timeline

LIMITS = Thresholds(fake=0.7, real=0.3)
RULE = EvidenceRule(min_frames=4, sampled=32)
FIT = Calibration(a=0.5, b=-1.0, n_real=60, n_fake=60, ece=0.02, fit_sha256="0" * 64)


def preset(*members: tuple[str, float], least: int = 1) -> Ensemble:
    return Ensemble(
        id="t",
        title="t",
        summary="t",
        members=tuple(Member(detector=d, weight=w) for d, w in members),
        min_members=least,
        thresholds={"fake": 0.7, "real": 0.3},
    )


def row(detector: str, p: float | None, track: int | None = 1, n: int = 32, **more: object) -> Score:
    status = Status.OK if p is not None else Status.ERROR
    return Score(detector, detector, Modality.IMAGE, status, p_fake=p, raw=p, track_id=track, n=n, **more)  # type: ignore[arg-type]


def person(p: float | None, track: int = 1, enough: bool = True) -> PersonResult:
    return PersonResult(track, p, enough, "" if enough else "only 2 usable of 4 frames needed")


def test_sigmoid_is_exact_and_does_not_overflow() -> None:
    assert sigmoid(np.array([0.0]))[0] == 0.5
    assert sigmoid(np.array([2.0]))[0] == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert sigmoid(np.array([-1e6, 1e6])).tolist() == [0.0, 1.0]


def test_platt_scaling_applies_slope_and_offset() -> None:
    assert calibrated(np.array([4.0]), FIT)[0] == pytest.approx(1 / (1 + math.exp(-(0.5 * 4.0 - 1.0))))
    assert calibrated(np.array([4.0]), None)[0] == sigmoid(np.array([4.0]))[0]


def test_weighted_mean_follows_the_weights() -> None:
    result = fuse_person(1, [row("a", 0.9), row("b", 0.1)], [], preset(("a", 3), ("b", 1)), RULE)
    assert result.p_fake == pytest.approx(0.7)
    assert [c.weight for c in result.contributions] == [0.75, 0.25]
    assert result.contributions[0].delta == pytest.approx(0.7 - 0.1)


def test_a_failed_member_never_votes() -> None:
    result = fuse_person(1, [row("a", 0.9), row("b", None)], [], preset(("a", 1), ("b", 1)), RULE)
    assert result.p_fake == pytest.approx(0.9)
    assert [c.detector for c in result.contributions] == ["a"]


def test_too_few_members_give_no_figure() -> None:
    failed = row("b", None, reason="wrong keys")
    result = fuse_person(1, [row("a", 0.9), failed], [], preset(("a", 1), ("b", 1), least=2), RULE)
    assert result.p_fake is None and not result.enough
    assert result.reason == "only 1 of the 2 detectors needed could answer: wrong keys"


def test_short_appearance_is_not_enough_but_a_short_clip_is() -> None:
    assert not fuse_person(1, [row("a", 0.9, n=3)], [], preset(("a", 1)), RULE).enough
    assert fuse_person(1, [row("a", 0.9, n=3)], [], preset(("a", 1)), EvidenceRule(4, 3)).enough
    assert evidence_rule(MediaKind.IMAGE, 4, 1).needed == 1


def test_interval_narrows_with_agreeing_frames_and_needs_five() -> None:
    def width(values: list[float]) -> float | None:
        line = Timeline("a", 1, tuple(range(len(values))), tuple(values))
        got = fuse_person(1, [row("a", 0.5, n=len(values))], [line], preset(("a", 1)), RULE).interval
        return got and got[1] - got[0]

    assert width([0.5] * 4) is None
    assert width([0.5] * 8) == 0.0
    assert (width([0.1, 0.9] * 8) or 0) > (width([0.4, 0.6] * 8) or 1)


def test_people_are_fused_apart() -> None:
    from core.types import FaceTrack

    tracks = [FaceTrack(i, (), (), (), ()) for i in (1, 2)]
    results = fuse([row("a", 0.9, 1), row("a", 0.1, 2)], tracks, [], preset(("a", 1)), RULE)
    assert [(r.track_id, r.p_fake) for r in results] == [(1, 0.9), (2, 0.1)]


def test_the_most_suspicious_person_with_enough_evidence_drives() -> None:
    people = [person(0.2, 1), person(0.8, 2), person(0.99, 3, enough=False)]
    verdict = decide([fuse_person(p.track_id, [row("a", p.p_fake, p.track_id, 32 if p.enough else 2)], [],
                                  preset(("a", 1)), RULE) for p in people], [], LIMITS)  # fmt: skip
    assert verdict.label is Label.FAKE and verdict.track_id == 2 and verdict.p_fake == pytest.approx(0.8)
    assert any("Person 3 does not count" in r for r in verdict.reasons)


def test_nothing_applicable_is_never_fake_and_never_real() -> None:
    silent = Score("a", "A", Modality.IMAGE, Status.NOT_APPLICABLE, reason="no face was found")
    verdict = decide([PersonResult(None, None, False, "no face was found")], [silent], LIMITS)
    assert verdict.label is Label.NOT_APPLICABLE and verdict.p_fake is None
    assert "no face was found" in verdict.reasons[0]


def test_calibrated_only_when_a_single_calibrated_member_votes() -> None:
    one = [row("a", 0.9, calibration=FIT.name)]
    both = [*one, row("b", 0.8, calibration=FIT.name)]
    for scores, members, expected in ((one, [("a", 1.0)], True), (both, [("a", 1.0), ("b", 1.0)], False)):
        fused = fuse_person(1, scores, [], preset(*members), RULE)
        assert decide([fused], scores, LIMITS).calibrated is expected


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_label_is_monotone_in_p_and_thresholds_cut_where_they_say(p: float, a: float, b: float) -> None:
    limits = Thresholds(fake=max(a, b), real=min(a, b))
    order = [Label.REAL, Label.UNCERTAIN, Label.FAKE]
    assert order.index(label_of(p, limits)) <= order.index(label_of(min(1.0, p + 0.1), limits))
    assert label_of(limits.fake, limits) is Label.FAKE


def test_thresholds_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="thresholds"):
        Thresholds(fake=0.2, real=0.4)
