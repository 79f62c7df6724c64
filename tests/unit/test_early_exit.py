"""The gate stops early only where it may: calibrated, about everybody, on enough pictures, all of them clearly real."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from core.registry import Ensemble, card, ensemble
from core.settings import Settings, build_settings
from core.stages import scoring
from core.stages.asking.answers import Answer, silent
from core.stages.early_exit import early_exit, spares
from core.types import FaceTrack, Modality, Score, Status, Timeline

FIVE = ensemble("fusion5")


def gate(*p: float, track: int = 1, **changes: Any) -> Answer:
    mean = sum(p) / len(p)
    score = Score("face-patch", "Gate", Modality.IMAGE, Status.OK, mean, mean, track, len(p), "Platt, n=99")
    return Answer(replace(score, **changes), Timeline("face-patch", track, tuple(range(len(p))), p))


def person(number: int, pictures: int) -> FaceTrack:
    return FaceTrack(number, tuple(range(pictures)), tuple(float(i) for i in range(pictures)), (), ())


@pytest.fixture
def settings() -> Settings:
    return build_settings()


def test_all_clearly_real_stops(settings: Settings) -> None:
    why = early_exit(FIVE, settings, [gate(*[0.03] * 8)], [person(1, 8)])
    assert why is not None and "all 8 pictures" in why and "2 more detectors" in why
    assert "the picture looks" in (early_exit(FIVE, settings, [gate(0.02)], [person(1, 1)]) or "")


@pytest.mark.parametrize(
    ("answers", "people"),
    [
        ([gate(*[0.03] * 7, 0.5)], [person(1, 8)]),
        ([gate(*[0.03] * 8, calibration=None)], [person(1, 8)]),
        ([gate(*[0.03] * 8, status=Status.ERROR)], [person(1, 8)]),
        ([gate(*[0.03] * 3)], [person(1, 32)]),
        ([gate(*[0.03] * 8)], [person(1, 8), person(2, 8)]),
        ([gate(*[0.03] * 8), gate(*[0.6] * 8, track=2)], [person(1, 8), person(2, 8)]),
        ([gate(*[0.03] * 8)], []),
    ],
    ids=["one picture", "not calibrated", "failed", "too few", "one not seen", "second person", "nobody"],
)
def test_anything_else_goes_on(answers: list[Answer], people: list[FaceTrack], settings: Settings) -> None:
    assert early_exit(FIVE, settings, answers, people) is None


def test_reversed_polarity_would_not_stop(settings: Settings) -> None:
    assert early_exit(FIVE, settings, [gate(*[0.97] * 8)], [person(1, 8)]) is None


def test_it_can_be_turned_off_and_other_presets_have_none(settings: Settings) -> None:
    off = build_settings(uncertainty={"early_exit": False})
    assert early_exit(FIVE, off, [gate(*[0.03] * 8)], [person(1, 8)]) is None
    assert early_exit(ensemble("gated4"), settings, [gate(*[0.03] * 8)], [person(1, 8)]) is None


def test_those_who_hear_are_asked_all_the_same(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    asked: list[str] = []

    def ask(detector: Any, *_: Any) -> list[Answer]:
        asked.append(detector.id)
        return [gate(*[0.01] * 8)] if detector.id == "face-patch" else [silent(detector, Status.ERROR, "-", 1)]

    monkeypatch.setattr(scoring, "ask", ask)
    context: Any = SimpleNamespace(preset=FIVE, settings=settings, step=lambda *_: None)
    rows = scoring.score(SimpleNamespace(), [person(1, 8)], context).scores  # type: ignore[arg-type]
    assert asked == ["face-patch", "audio-cqcc-cnn", "lip-sync"]
    spared = [row for row in rows if row.reason.startswith("early exit")]
    assert {row.detector for row in spared} == {"face-resnet18", "clip-embedding-bilstm"}
    assert all(row.status is Status.NOT_APPLICABLE for row in spared)
    assert [spares(card(name)) for name in ("face-resnet18", "audio-cqcc-cnn", "lip-sync")] == [True, False, False]


def test_the_preset_names_its_gate_first() -> None:
    assert isinstance(FIVE, Ensemble) and FIVE.early_exit is not None
    assert FIVE.early_exit.detector == FIVE.members[0].detector
