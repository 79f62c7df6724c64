"""The way from a file to an analysis, with a small untrained network in place of the shipped ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from core import pipeline, registry, schema
from core.detectors.timm_frame import TimmFrameDetector
from core.errors import CancelledError, DamagedMediaError, InternalError, WorkbenchError
from core.fusion.verdict import relabel
from core.media import decoding
from core.registry import Card, Ensemble, InputSpec, Member, WeightsSpec
from core.settings import Settings, build_settings
from core.stages import finding, watching
from core.types import Label, Modality, Progress, Stage, Status, Thresholds
from core.weights.files import file_sha256

CLIP = {"seconds": 2.0}


def make_card(name: str, folder: Path) -> Card:
    file = folder / f"{name}.safetensors"
    sha256 = file_sha256(file) if file.is_file() else "0" * 64
    return Card(
        id=name,
        title=name.title(),
        family="test",
        modality=Modality.IMAGE,
        implementation="core.detectors.timm_frame:TimmFrameDetector",
        architecture="test_vit",
        summary="made for tests",
        input=InputSpec(size=160),
        weights=WeightsSpec(
            file=file.name, sha256=sha256, size_bytes=1, licence="-", trained_on="-", how_to_get="make it"
        ),
    )


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose preset asks "first", "second" (both there) and "absent" (no weights)."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        save_file(timm.create_model("test_vit", num_classes=1).state_dict(), folder / f"{name}.safetensors")
    cards = {name: make_card(name, folder) for name in ("first", "second", "absent")}
    preset = Ensemble(
        id="default",
        title="Test",
        summary="-",
        members=tuple(Member(detector=name) for name in cards),
        thresholds={"fake": 0.9, "real": 0.1},
    )
    monkeypatch.setattr(registry, "card", cards.__getitem__)
    monkeypatch.setattr(pipeline, "ensemble", lambda _: preset)
    return build_settings(data_dir=tmp_path / "data", weights_dir=folder, sampling={"frames": 6})


def test_a_clip_becomes_an_analysis_that_survives_json(settings: Settings, samples: Callable[..., Path]) -> None:
    steps: list[Progress] = []
    analysis = pipeline.analyse(samples("talking_clip", "a.mp4", **CLIP), settings, steps.append)
    assert schema.load(schema.dump(analysis)) == analysis
    assert [s.status for s in analysis.scores] == [Status.OK, Status.OK, Status.UNAVAILABLE]
    assert "make it" in analysis.scores[2].reason
    votes = [s.p_fake for s in analysis.scores if s.p_fake is not None]
    assert analysis.verdict.p_fake == pytest.approx(np.mean(votes))
    assert {t.detector for t in analysis.timelines} == {"first", "second"}
    assert all(t.t_s == analysis.tracks[0].t_s for t in analysis.timelines)
    assert [s.n for s in analysis.scores[:2]] == [6, 6]
    assert {s.stage for s in steps} == set(Stage)
    assert [s.fraction for s in steps] == sorted(s.fraction for s in steps) and steps[-1].fraction == 1.0


def test_scores_are_the_mean_of_the_networks_own_frame_scores(settings: Settings, samples: Callable[..., Path]) -> None:
    analysis = pipeline.analyse(samples("portrait", "a.png"), settings)
    assert len(analysis.timelines) == 2
    for score, line in zip(analysis.scores, analysis.timelines, strict=False):
        assert score.p_fake == pytest.approx(np.mean(line.p_fake))


def test_the_second_look_comes_from_the_cache_under_the_new_name(
    settings: Settings, samples: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = samples("portrait", "a.png")
    first = pipeline.analyse(path, settings)
    monkeypatch.setattr(pipeline, "_run", lambda *_: pytest.fail("ran again"))
    second = pipeline.analyse(path, settings, name="other.png")
    assert second.media.name == "other.png"
    assert replace(second, media=first.media) == first


def test_new_weights_or_settings_are_not_answered_from_the_cache(
    settings: Settings, samples: Callable[..., Path]
) -> None:
    path = samples("portrait", "a.png")
    first = pipeline.analyse(path, settings)
    other = settings.model_copy(update={"faces": settings.faces.model_copy(update={"working_px": 480})})
    assert pipeline.analyse(path, other).id != first.id


def test_a_failing_member_is_a_row_and_the_result_is_not_cached(
    settings: Settings, samples: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, right = samples("portrait", "a.png"), TimmFrameDetector.logits

    def broken(self: TimmFrameDetector, crops: np.ndarray) -> np.ndarray:
        if self.card.id == "first":
            raise RuntimeError("boom")
        return right(self, crops)

    monkeypatch.setattr(TimmFrameDetector, "logits", broken)
    analysis = pipeline.analyse(path, settings)
    assert [s.status for s in analysis.scores] == [Status.ERROR, Status.OK, Status.UNAVAILABLE]
    assert [c.detector for c in analysis.verdict.contributions] == ["second"]
    monkeypatch.setattr(TimmFrameDetector, "logits", right)
    assert pipeline.analyse(path, settings).scores[0].status is Status.OK


def test_not_a_number_never_votes(
    settings: Settings, samples: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TimmFrameDetector, "logits", lambda _, crops: np.full(len(crops), np.nan, np.float32))
    analysis = pipeline.analyse(samples("portrait", "a.png"), settings)
    assert analysis.verdict.label is Label.NOT_APPLICABLE and analysis.verdict.p_fake is None


def test_altered_weights_are_an_error_row(settings: Settings, samples: Callable[..., Path]) -> None:
    assert settings.weights_dir is not None
    with (settings.weights_dir / "first.safetensors").open("ab") as file:
        file.write(b"x")
    analysis = pipeline.analyse(samples("portrait", "a.png"), settings)
    assert analysis.scores[0].status is Status.ERROR
    assert "not the one its card names" in analysis.scores[0].reason


@pytest.mark.parametrize("writer", ["landscape", "noise", "blank"])
def test_without_a_face_nothing_applies(writer: str, settings: Settings, samples: Callable[..., Path]) -> None:
    analysis = pipeline.analyse(samples(writer, "a.png"), settings)
    assert analysis.verdict.label is Label.NOT_APPLICABLE and analysis.tracks == ()
    assert {s.status for s in analysis.scores} == {Status.NOT_APPLICABLE, Status.UNAVAILABLE}
    assert any("no face" in reason for reason in analysis.verdict.reasons)


def test_sound_alone_is_not_applicable_to_detectors_of_faces(settings: Settings, samples: Callable[..., Path]) -> None:
    analysis = pipeline.analyse(samples("speech", "a.wav"), settings)
    assert analysis.verdict.label is Label.NOT_APPLICABLE
    assert "sound only" in analysis.scores[0].reason


def test_a_face_that_is_too_small_is_shown_and_does_not_vote(settings: Settings, samples: Callable[..., Path]) -> None:
    analysis = pipeline.analyse(samples("portrait", "a.png", size=90), settings)
    assert len(analysis.tracks) == 1 and analysis.verdict.label is Label.NOT_APPLICABLE
    assert any("px are needed" in s.reason for s in analysis.scores)


def test_ten_people_get_ten_rows(settings: Settings, samples: Callable[..., Path]) -> None:
    analysis = pipeline.analyse(samples("ten_faces", "a.png"), settings)
    assert len(analysis.people) == len(analysis.tracks) == 10
    assert {s.track_id for s in analysis.scores if s.detector == "first"} == set(range(1, 11))


def test_moving_thresholds_changes_the_label_alone(settings: Settings, samples: Callable[..., Path]) -> None:
    analysis = pipeline.analyse(samples("portrait", "a.png"), settings)
    p = analysis.verdict.p_fake
    assert p is not None
    assert relabel(analysis, Thresholds(fake=p, real=0.0)).verdict.label is Label.FAKE
    low = relabel(analysis, Thresholds(fake=1.0, real=p))
    assert low.verdict.label is Label.REAL
    assert replace(low, verdict=analysis.verdict) == analysis


@pytest.mark.parametrize(
    ("writer", "name"), [("empty", "a.jpg"), ("foreign", "a.svg"), ("bomb", "a.png"), ("zero_frame_clip", "a.mp4")]
)
def test_what_cannot_be_read_says_so(writer: str, name: str, settings: Settings, samples: Callable[..., Path]) -> None:
    with pytest.raises(WorkbenchError) as caught:
        pipeline.analyse(samples(writer, name), settings)
    assert caught.value.message and caught.value.hint and type(caught.value) is not InternalError


@pytest.mark.parametrize(
    ("writer", "name"), [("grey16", "a.png"), ("rgba", "a.png"), ("palette", "a.png"), ("cmyk", "a.jpg"),
                         ("exif_rotated", "a.jpg"), ("animated", "a.gif"), ("rotated_clip", "a.mp4"),
                         ("vfr_clip", "a.mp4")]
)  # fmt: skip
def test_odd_but_readable_media_are_analysed(
    writer: str, name: str, settings: Settings, samples: Callable[..., Path]
) -> None:
    analysis = pipeline.analyse(samples(writer, name), settings)
    assert len(analysis.tracks) == 1 and analysis.frames


def test_a_fault_is_reported_without_its_details(
    settings: Settings, samples: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(finding, "track", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR), pytest.raises(InternalError) as caught:
        pipeline.analyse(samples("portrait", "a.png"), settings)
    assert "division" not in str(caught.value)
    assert "ZeroDivisionError" in caplog.text


def test_the_listener_can_stop_an_analysis(settings: Settings, samples: Callable[..., Path]) -> None:
    def stop(step: Progress) -> None:
        if step.stage is Stage.FACES:
            raise CancelledError("Stopped.", hint="Start again when you like.")

    with pytest.raises(CancelledError):
        pipeline.analyse(samples("talking_clip", "a.mp4", **CLIP), settings, stop)


def test_a_picture_track_that_breaks_while_lips_are_followed_is_a_row(
    settings: Settings, samples: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise DamagedMediaError("No picture can be decoded there.", hint="Copy it again.")

    monkeypatch.setattr(decoding, "read_grey_window", broken)
    analysis = pipeline.analyse(samples("talking_clip", "b.mp4", seconds=4.0), settings)
    assert [c.status for c in analysis.sync] == [Status.ERROR]
    assert analysis.verdict.p_fake is not None


def test_lips_of_the_people_seen_most_are_compared_and_the_others_say_so(
    settings: Settings, samples: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_PEOPLE", 0)
    analysis = pipeline.analyse(samples("talking_clip", "c.mp4", seconds=3.0), settings)
    assert [c.status for c in analysis.sync] == [Status.NOT_APPLICABLE]
    assert "people seen most" in analysis.sync[0].summary
