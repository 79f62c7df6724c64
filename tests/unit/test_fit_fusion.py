"""Fitting fusion on made-up answers: it learns whom to trust, is calibrated, and says whom it leaves out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError
from core.fusion.fits import Asked
from core.fusion.rules import fitted_rule
from core.fusion.votes import Vote
from core.registry import Ensemble, ensemble
from core.training import fusion_media
from core.training.calibrate import TooFewError
from core.training.data.manifest import Item
from core.training.fit_fusion import fit_preset, make_cases, usable
from core.training.fusion_media import Medium
from core.training.fusion_scores import Answered, Answers
from core.training.metrics import auc
from core.types import Modality


def preset(fusion: str = "logistic", *members: str) -> Ensemble:
    facts = {"id": "t", "title": "t", "summary": "t", "members": [{"detector": m} for m in members]}
    return Ensemble.model_validate(facts | {"fusion": fusion, "thresholds": {"fake": 0.9, "real": 0.0}})


def said(rng: np.random.Generator, name: str, fake: bool, skill: float, **more: Any) -> Vote:
    p = float(1 / (1 + np.exp(-rng.normal(skill if fake else -skill, 1.0))))
    return Vote(name, p, frames=(p,) * 4, n=4, **more)


def answers(skills: dict[str, float], *, voice: float | None = None, pairs: int = 160, seed: int = 0) -> Answers:
    rng, rows = np.random.default_rng(seed), []
    for i in range(pairs):
        for fake in (False, True):
            medium = Medium(f"p{i}-{fake}.png", "picture", fake, "x", f"person{i // 2}")
            rows.append(Answered(medium, tuple(said(rng, n, fake, s) for n, s in skills.items())))
            if voice is not None:
                heard = said(rng, "voice", fake, voice, modality=Modality.AUDIO, whole=True)
                rows.append(Answered(Medium(f"v{i}-{fake}.wav", "voice", fake, "y", f"speaker{i // 4}"), (heard,)))
    names = [*skills, "voice"]
    return Answers(tuple(rows), {n: Asked(weights_sha256="a" * 64, calibration=None) for n in names}, 0)


@pytest.mark.parametrize("fusion", ["logistic", "gate", "parts"])
def test_the_fit_learns_whom_to_trust_and_is_calibrated(fusion: str) -> None:
    made = preset(fusion, "good", "blind")
    found = fit_preset(made, answers({"good": 1.2, "blind": 0.0}))
    rule = fitted_rule(made, found.fit)
    up = rule.p([Vote("good", 0.9), Vote("blind", 0.1)])
    down = rule.p([Vote("good", 0.1), Vote("blind", 0.9)])
    assert up > 0.7 and down < 0.3
    assert auc(found.fake, found.p) > 0.9
    assert found.fit.ece < 0.08 and found.fit.people == 80


def test_what_hears_and_what_looks_are_joined_and_a_part_makes_a_fake() -> None:
    made = preset("logistic", "face", "voice")
    found = fit_preset(made, answers({"face": 1.5}, voice=1.5))
    rule = fitted_rule(made, found.fit)
    both = rule.p([Vote("face", 0.05), Vote("voice", 0.99)])
    assert both > rule.p([Vote("face", 0.05), Vote("voice", 0.05)]) + 0.3
    assert rule.p([Vote("voice", 0.99)]) > 0.8 > 0.2 > rule.p([Vote("voice", 0.01)])


def test_parts_say_more_of_a_file_of_which_one_part_is_fake_than_a_sum_does() -> None:
    given = answers({"face": 1.5}, voice=1.5)
    summed, joined = (fit_preset(preset(fusion, "face", "voice"), given) for fusion in ("logistic", "parts"))
    assert np.array_equal(summed.fake, joined.fake)

    def loss(p: np.ndarray) -> float:
        return -float(np.mean(np.log(np.where(joined.fake, p, 1 - p))))

    assert loss(joined.p) < loss(summed.p)
    rule = fitted_rule(preset("parts", "face", "voice"), joined.fit)
    voice = Vote("voice", 0.02, modality=Modality.AUDIO, whole=True)
    assert rule.p([Vote("face", 0.98), voice]) > 0.85
    assert joined.fit.rule.model_dump()["intercepts"].keys() == {"seen", "heard"}


def test_cases_are_balanced_and_keep_people_in_one_fold() -> None:
    given = answers({"face": 1.0}, voice=1.0, pairs=60)
    cases = make_cases(given, ["face", "voice"])
    whole = [c for c in cases if c.whole]
    assert sum(c.fake for c in whole) == pytest.approx(len(whole) / 2, abs=2)
    assert any(len(c.votes) == 2 for c in whole)
    assert all(0 < len(c.votes) < 2 for c in cases if not c.whole)
    assert {c.fold for c in cases} == set(range(5))


def test_a_polarity_that_is_reversed_gets_no_weight_rather_than_a_negative_one() -> None:
    made = preset("logistic", "good", "reversed")
    found = fit_preset(made, answers({"good": 1.2, "reversed": -1.2}))
    assert found.fit.rule.model_dump()["coefficients"][1] == 0.0


def test_members_without_enough_answers_are_left_out_and_named() -> None:
    made = preset("logistic", "face", "voice", "absent")
    few = answers({"face": 1.0}, voice=1.0, pairs=60)
    thin = Answers(tuple(r for i, r in enumerate(few.rows) if r.medium.kind == "picture" or i < 80), few.asked, 0)
    kept, left_out = usable(made, thin)
    assert kept == ["face"] and "too few" in left_out["voice"] and "none of the files" in left_out["absent"]
    found = fit_preset(made, thin)
    assert set(found.fit.left_out) == {"voice", "absent"} and set(found.fit.detectors) == {"face"}


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="fixed weights"):
        fit_preset(ensemble("forensics4"), answers({"a": 1.0}))
    with pytest.raises(TooFewError, match="None of the members"):
        fit_preset(preset("logistic", "other"), answers({"a": 1.0}))


def test_a_fit_of_the_twelve_features_fits_its_preset() -> None:
    five = ensemble("fusion5")
    found = fit_preset(five, answers({"face-patch": 0.8, "face-resnet18": 1.2}))
    rule = fitted_rule(five, found.fit)
    high = tuple(Vote(n, 0.95, frames=(0.95,) * 4, n=4) for n in ("face-patch", "face-resnet18"))
    assert rule.p(high) > 0.8 and found.fit.rule.names[:3] == ("tiny_prob_mean", "tiny_prob_max", "tiny_prob_p90")
    assert set(found.fit.left_out) == {"audio-cqcc-cnn", "clip-embedding-bilstm", "lip-sync"}


def test_a_clip_whose_sound_validates_voices_is_held_out_for_faces_only_if_its_faces_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {"face": ("p", "f"), "voice": ("v", "a")}
    for kind, names in held.items():
        document = {"files": dict.fromkeys("pfva", "train") | dict.fromkeys(names, "val")}
        (tmp_path / f"{kind}.json").write_text(json.dumps(document))
    monkeypatch.setattr(fusion_media, "SPLITS", tmp_path)
    kinds = {"p": "image", "f": "video", "v": "video", "a": "audio"}
    items = [Item(f"{sha}.x", sha, kind, False, "real", "s", sha, "train") for sha, kind in kinds.items()]
    assert [i.sha256 for i in fusion_media.held_out(items)] == ["p", "f", "a"]
