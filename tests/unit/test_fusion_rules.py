"""Rules with a fit: what is missing is missing, polarity holds everywhere, and a fit of others is not used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from core.errors import ConfigError
from core.fusion import combine
from core.fusion.combine import NOT_FITTED, EvidenceRule, fuse, fuse_person
from core.fusion.doubts import doubts, poor_face
from core.fusion.fits import (
    FusionFit,
    GateFit,
    LogisticFit,
    PartsFit,
    changed_members,
    fit_path,
    read_fit,
    seal,
    write_fit,
)
from core.fusion.rules import Gate, Logistic, Parts, WeightedMean, any_fake, fitted_rule
from core.fusion.spread import interval, trimmed_mean
from core.fusion.verdict import decide
from core.fusion.votes import Vote, votes_of
from core.registry import Ensemble, Feature, ensemble
from core.types import FaceQuality, FaceTrack, Label, Modality, Score, Status, Thresholds, Timeline

RULE = EvidenceRule(1, 1)
LIMITS = Thresholds(fake=0.9, real=0.0)
SHA = "a" * 64
TWELVE = (
    "tiny_prob_mean", "tiny_prob_max", "tiny_prob_p90", "tiny_num_files", "tiny_num_patches", "visual_prob_mean",
    "visual_prob_max", "visual_prob_p90", "visual_num_faces", "audio_prob_fake", "temporal_prob_fake", "sync_prob",
)  # fmt: skip


def preset(fusion: str = "logistic", members: tuple[str, ...] = ("a", "b", "c"), **more: Any) -> Ensemble:
    facts = {"id": "t", "title": "t", "summary": "t", "members": [{"detector": m} for m in members], "fusion": fusion}
    return Ensemble.model_validate(facts | {"thresholds": {"fake": 0.9, "real": 0.0}} | more)


def logistic(members: tuple[str, ...] = ("a", "b", "c"), **more: Any) -> LogisticFit:
    n = len(members)
    facts = {"features": members, "coefficients": (1.0,) * n, "mean": (0.0,) * n, "deviation": (1.0,) * n}
    return LogisticFit.model_validate(
        facts | {"presence": dict.fromkeys(members, 0.0), "intercept": 0.0, "temperature": 1.0} | more
    )


def parts(members: tuple[str, ...] = ("a", "b", "c"), **more: Any) -> PartsFit:
    facts = logistic(members).model_dump(exclude={"kind", "intercept"})
    return PartsFit.model_validate(facts | {"intercepts": {"seen": 0.0, "heard": 0.0}} | more)


def gate(members: tuple[str, ...] = ("a", "b", "c"), **more: Any) -> GateFit:
    k = len(members)
    facts = {"members": members, "gate": [[0.0] * (2 * k)] * k, "bias": [0.0] * k, "scale": 1.0, "offset": 0.0}
    return GateFit.model_validate(facts | {"temperature": 1.0} | more)


def fit(rule: LogisticFit | GateFit | PartsFit, members: tuple[str, ...] = ("a", "b", "c"), **more: Any) -> FusionFit:
    facts = {
        "preset": "t",
        "rule": rule.model_dump(mode="json"),
        "detectors": {m: {"weights_sha256": SHA, "calibration": None} for m in members},
        "n_real": 60,
        "n_fake": 60,
        "people": 9,
        "ece": 0.03,
        "scores_sha256": SHA,
    }
    return seal(facts | more)


def vote(name: str, p: float, **more: Any) -> Vote:
    return Vote(name, p, **more)


def score(name: str, p: float, track: int | None = None, modality: Modality = Modality.IMAGE) -> Score:
    return Score(name, name.upper(), modality, Status.OK, p, p, track, 8, None, SHA)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(combine, "FOLDER", tmp_path)
    return tmp_path


# --- rules ---------------------------------------------------------------------------------------------------------


def test_a_missing_member_is_missing_and_not_one_half() -> None:
    rule = Logistic(logistic(mean=(-2.0,) * 3), preset().asked)
    two = [vote("a", 0.9), vote("b", 0.8)]
    assert rule.p(two) != pytest.approx(rule.p([*two, vote("c", 0.5)]))
    plain = Logistic(logistic(), preset().asked)
    z = sum(v.log_odds for v in two)
    assert plain.p(two) == pytest.approx(1 / (1 + np.exp(-z)))


def test_temperature_cools_the_sum() -> None:
    hot = Logistic(logistic(temperature=2.0), preset().asked)
    assert hot.p([vote("a", 0.9)]) == pytest.approx(1 / (1 + np.exp(-vote("a", 0.9).log_odds / 2)))


def heard(name: str, p: float) -> Vote:
    return Vote(name, p, modality=Modality.AUDIO, whole=True)


def test_a_file_is_fake_where_a_part_of_it_is() -> None:
    rule = Parts(parts(), preset().asked)
    assert rule.p([vote("a", 0.9)]) == pytest.approx(0.9)
    assert rule.p([heard("c", 0.2)]) == pytest.approx(0.2)
    # odds 9 and 1/4: (9 + 1/4 + 9/4) / 3 of a picture, a sound or both being fake
    odds = (9 + 0.25 + 9 * 0.25) / 3
    assert rule.p([vote("a", 0.9), heard("c", 0.2)]) == pytest.approx(odds / (1 + odds))
    assert rule.p([vote("a", 0.99), heard("c", 0.01)]) > 0.9, "a genuine voice does not outweigh a forged face"
    assert rule.p([vote("a", 0.1), heard("c", 0.1)]) < 0.1
    two = [vote("a", 0.9), vote("b", 0.2)]
    assert rule.p(two) == pytest.approx(Logistic(logistic(), preset().asked).p(two)), "one part is one regression"


def test_shares_of_parts_follow_what_moves_the_file() -> None:
    rule = Parts(parts(coefficients=(3.0, 1.0, 1.0)), preset().asked)
    shares = rule.shares([vote("a", 0.9), vote("b", 0.9), heard("c", 0.05)])
    assert sum(shares) == pytest.approx(1.0)
    assert shares[0] == pytest.approx(3 * shares[1]) and shares[2] < 0.1


@pytest.mark.parametrize("z", [[[-2.0, 1.0]], [[0.3, -np.inf]], [[1.0, 2.0, -3.0]], [[-30.0, -30.0]], [[40.0, 0.0]]])
def test_slopes_of_the_odds_of_parts_are_those_of_differences(z: list[list[float]]) -> None:
    at, slopes = any_fake(np.array(z))
    for k in range(len(z[0])):
        moved = np.array(z)
        moved[0, k] += 1e-6
        assert slopes[0, k] == pytest.approx((any_fake(moved)[0] - at)[0] / 1e-6, abs=1e-4)
    assert np.isfinite(at).all()


def test_an_even_gate_is_the_mean_of_log_odds_and_shuts_out_the_absent() -> None:
    rule = Gate(gate())
    votes = [vote("a", 0.9), vote("b", 0.6)]
    z = np.mean([v.log_odds for v in votes])
    assert rule.p(votes) == pytest.approx(1 / (1 + np.exp(-z)))
    assert rule.shares(votes) == pytest.approx([0.5, 0.5])


def test_the_gate_listens_to_whom_its_bias_names() -> None:
    rule = Gate(gate(bias=[5.0, 0.0, 0.0]))
    votes = [vote("a", 0.9), vote("b", 0.1), vote("c", 0.1)]
    assert rule.p(votes) > 0.85
    assert rule.shares(votes)[0] > 0.97
    assert rule.p(votes[1:]) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "rule",
    [
        WeightedMean({"a": 1.0, "b": 1.0, "c": 2.0}),
        Gate(gate()),
        Logistic(logistic(), preset().asked),
        Parts(parts(), preset().asked),
    ],
    ids=["mean", "gate", "logistic", "parts"],
)
def test_more_suspicion_never_looks_more_genuine(rule: Any) -> None:
    steps = [rule.p([vote("a", p), vote("b", 0.4), vote("c", 0.3)]) for p in np.linspace(0.02, 0.98, 25)]
    assert steps == sorted(steps) and steps[-1] > steps[0]
    assert rule.p([vote(n, 0.95) for n in "abc"]) > 0.9 > 0.1 > rule.p([vote(n, 0.05) for n in "abc"])


def test_a_vote_gives_what_a_feature_asks() -> None:
    one = vote("a", 0.4, n=5, frames=(0.1, 0.2, 0.3, 0.4, 0.9))
    asked = {take: Feature(name="x", of="a", take=take, times=3) for take in ("p", "mean", "max", "p90", "count")}
    found = {take: one.value(feature) for take, feature in asked.items()}
    assert found == pytest.approx({"p": 0.4, "mean": 0.38, "max": 0.9, "p90": 0.7, "count": 15.0})
    assert vote("a", 0.7).value(asked["max"]) == 0.7


def test_only_ok_scores_vote() -> None:
    rows = [score("a", 0.5), replace(score("b", 0.9), status=Status.ERROR), replace(score("c", 0.9), p_fake=None)]
    line = Timeline("a", None, (0.0, 1.0), (0.4, 0.6))
    assert [(v.detector, v.frames) for v in votes_of(rows, [line])] == [("a", (0.4, 0.6))]


# --- the file ------------------------------------------------------------------------------------------------------


def test_a_fit_survives_its_file(tmp_path: Path) -> None:
    for rule, kind in ((logistic(), "logistic"), (gate(), "gate"), (parts(), "parts")):
        made = fit(rule)
        write_fit(made, fit_path("t", tmp_path))
        assert read_fit(preset(kind), tmp_path) == made
    assert read_fit(preset("gate", ("a", "b"), id="other"), tmp_path) is None
    assert "n=120" in made.name and "ECE 0.030" in made.name


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda f: f["rule"].update(intercept=3.0), "changed after the fit"),
        (lambda f: f.update(ece="much"), "damaged"),
        (lambda f: f["rule"].update(coefficients=[1.0]), "damaged"),
    ],
)
def test_a_file_that_was_touched_is_refused(change: Any, why: str, tmp_path: Path) -> None:
    path = fit_path("t", tmp_path)
    write_fit(fit(logistic()), path)
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    with pytest.raises(ConfigError, match=why):
        read_fit(preset(), tmp_path)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (fit(logistic(("b", "a", "c"))), "another order"),
        (fit(logistic(("a", "b")), ("a", "b")), "another order|other members"),
        (fit(logistic(coefficients=(1.0, -1.0, 1.0))), "turns suspicion round"),
        (fit(gate()), "fit of t by gate"),
        (fit(logistic(), preset="u"), "fit of u"),
    ],
)
def test_a_fit_of_something_else_is_refused(made: FusionFit, why: str, tmp_path: Path) -> None:
    write_fit(made, fit_path("t", tmp_path))
    with pytest.raises(ConfigError, match=why):
        read_fit(preset(), tmp_path)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValidationError, match="one row a member"):
        gate(gate=[[0.0] * 3] * 3)
    with pytest.raises(ValidationError, match="above 0"):
        logistic(deviation=(1.0, 0.0, 1.0))


def test_with_other_weights_or_another_calibration_the_fit_is_not_used(folder: Path) -> None:
    write_fit(fit(logistic()), fit_path("t", folder))
    rows = [score("a", 0.9), score("b", 0.8)]
    [held] = fuse(rows, [], [], preset(), RULE)
    assert held.p_fake != pytest.approx(0.85) and held.calibration is not None and held.fusion == ""
    for stale in (replace(rows[0], weights_sha256="b" * 64), replace(rows[0], calibration="another")):
        [found] = fuse([stale, rows[1]], [], [], preset(), RULE)
        assert found.p_fake == pytest.approx(0.85) and found.calibration is None
        assert "before A changed" in found.fusion
        verdict = decide([found], [stale, rows[1]], LIMITS)
        assert any("before A changed" in r for r in verdict.reasons)
    gone = replace(rows[0], status=Status.ERROR, weights_sha256=None)
    assert changed_members(fit(logistic()), [gone, rows[1]]) == []


def test_without_a_fit_the_mean_is_used_and_says_so(folder: Path) -> None:
    [found] = fuse([score("a", 0.9), score("b", 0.5)], [], [], preset(), RULE)
    assert found.p_fake == pytest.approx(0.7) and found.fusion == NOT_FITTED and found.calibration is None
    [plain] = fuse([score("a", 0.9)], [], [], preset("weighted_mean"), RULE)
    assert plain.fusion == ""


def test_a_member_that_the_fit_leaves_out_does_not_vote(folder: Path) -> None:
    made = fit(logistic(("a", "b")), ("a", "b"), left_out={"c": "too few files"})
    write_fit(made, fit_path("t", folder))
    [found] = fuse([score("a", 0.8), score("c", 0.99)], [], [], preset(), RULE)
    assert [c.detector for c in found.contributions] == ["a"] and found.p_fake == pytest.approx(0.8)
    assert "too few files" in found.fusion
    [nobody] = fuse([score("c", 0.99)], [], [], preset(), RULE)
    assert nobody.p_fake is None and "too few files" in nobody.reason


def test_a_fitted_figure_is_calibrated_and_shows_what_each_member_adds() -> None:
    made = fit(logistic())
    rows = [score("a", 0.9), score("b", 0.2)]
    found = fuse_person(None, rows, [], preset(), RULE, fit=made)
    verdict = decide([found], rows, LIMITS)
    assert verdict.calibrated and found.calibration == made.name
    rule = fitted_rule(preset(), made)
    deltas = {c.detector: c.delta for c in found.contributions}
    assert deltas["a"] == pytest.approx(rule.p([vote("a", 0.9), vote("b", 0.2)]) - rule.p([vote("b", 0.2)]))
    assert (deltas["a"] or 0) > 0 > (deltas["b"] or 0)


# --- how sure ------------------------------------------------------------------------------------------------------


def test_one_bad_picture_does_not_count() -> None:
    for n in (3, 4, 8, 32):
        p = np.full(n, 0.1)
        p[n // 2] = 1.0
        assert trimmed_mean(p) == pytest.approx(0.1)
    assert trimmed_mean(np.array([0.2, 0.4])) == pytest.approx(0.3)
    assert trimmed_mean(np.array([0.9])) == pytest.approx(0.9)


def test_the_interval_widens_with_the_mirror_the_pictures_and_the_members() -> None:
    def width(*votes: Vote) -> float:
        found = interval(votes, WeightedMean({"a": 1.0, "b": 1.0}).p)
        return 0.0 if found is None else found[1] - found[0]

    assert interval([vote("a", 0.5)], WeightedMean({"a": 1.0}).p) is None
    assert width(vote("a", 0.5, spread=0.05)) < width(vote("a", 0.5, spread=0.2))
    even, odd = vote("a", 0.5, frames=(0.5,) * 6), vote("a", 0.5, frames=(0.1, 0.9) * 3)
    assert width(even) == pytest.approx(0.0) and width(odd) > 0.1
    assert width(vote("a", 0.5), vote("b", 0.5)) < width(vote("a", 0.2), vote("b", 0.8))
    low, high = interval([vote("a", 0.99, spread=0.4)], WeightedMean({"a": 1.0}).p) or (0, 0)
    assert 0.0 <= low < high <= 1.0


def face(**changes: float) -> FaceQuality:
    return replace(FaceQuality(120.0, 200.0, 120.0, 0.0, 0.0), **changes)


def test_a_lone_detector_cannot_make_a_fake() -> None:
    rows = [score("a", 0.99), score("b", 0.3), score("c", 0.2)]
    found = fuse_person(None, rows, [], preset("weighted_mean", thresholds={"fake": 0.4, "real": 0.0}), RULE)
    verdict = decide([found], rows, Thresholds(fake=0.4, real=0.0))
    assert (found.p_fake or 0) >= 0.4 and verdict.label is Label.UNCERTAIN
    assert any("only one of 3 detectors" in r for r in verdict.reasons)
    assert doubts([vote("a", 0.99), vote("b", 0.2)], None) == ()
    assert doubts([vote("a", 0.99), vote("b", 0.6), vote("c", 0.2)], None) == ()


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"blur": 2.0}, "blurred"), ({"noise": 9.0}, "noisy"), ({"luma": 10.0}, "dark"), ({"luma": 250.0}, "bright"),
     ({"yaw": -0.97}, "turned away"), ({"occlusion": 0.9}, "covered")],
)  # fmt: skip
def test_a_poor_face_cannot_make_a_fake(changes: dict[str, float], word: str) -> None:
    poor = FaceTrack(1, (0,), (0.0,), (), (face(**changes),))
    rows = [score("a", 0.99, 1)]
    found = fuse_person(1, rows, [], preset("weighted_mean"), RULE, track=poor)
    verdict = decide([found], rows, LIMITS)
    assert verdict.label is Label.UNCERTAIN and any(word in r for r in verdict.reasons)
    assert poor_face((face(), face(), face(**changes))) == ""
    heard = [*rows, score("b", 0.99, None, Modality.AUDIO)]
    assert fuse_person(1, heard, [], preset("weighted_mean"), RULE, track=poor).doubts == ()


def test_who_can_be_called_fake_goes_before_who_cannot() -> None:
    clear, poor = FaceTrack(1, (0,), (0.0,), (), (face(),)), FaceTrack(2, (0,), (0.0,), (), (face(luma=5.0),))
    rows = [score("a", 0.92, 1), score("a", 0.99, 2)]
    people = fuse(rows, [clear, poor], [], preset("weighted_mean"), RULE)
    verdict = decide(people, rows, LIMITS)
    assert verdict.label is Label.FAKE and verdict.track_id == 1


def test_reasons_tell_who_leans_where_and_what_was_not_judged() -> None:
    rows = [score("a", 0.9, 1), score("b", 0.8, 1), score("c", 0.2, 1)]
    silent = Score("v", "V", Modality.AUDIO, Status.NOT_APPLICABLE, reason="0.6 s of speech")
    found = fuse_person(1, [*rows, silent], [], preset("weighted_mean"), RULE)
    reasons = decide([found], [*rows, silent], LIMITS).reasons
    wanted = "2 of 3 detectors of single pictures lean to fake; the voice could not be judged: 0.6 s of speech."
    assert wanted in reasons


# --- the shipped presets -------------------------------------------------------------------------------------------


def test_the_five_branches_have_the_twelve_features_by_name() -> None:
    assert tuple(f.name for f in ensemble("fusion5").asked) == TWELVE


def test_below_seventy_per_cent_of_confidence_truevision_is_uncertain() -> None:
    limits = ensemble("truevision").limits
    assert (limits.real, limits.fake) == (0.3, 0.7)


@pytest.mark.parametrize("change", [{"features": [{"name": "x", "of": "z", "take": "p"}]},
                                    {"early_exit": {"detector": "b", "max_p_fake": 0.1}}])  # fmt: skip
def test_presets_that_name_strangers_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="no members|first member"):
        preset(**change)
