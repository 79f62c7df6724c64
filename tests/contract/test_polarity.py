"""P(fake) means fake all the way, from a detector's logit to the verdict: whatever link is reversed, a test fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from core import pipeline, registry
from core.detectors.base import FrameDetector
from core.detectors.clip import Seen, WindowDetector
from core.faces.align import template
from core.figures.style import label_at
from core.fusion import spread
from core.pipeline import analyse
from core.registry import Calibration, Card, ClipSpec, Ensemble, InputSpec, Member, WeightsSpec, card, detector_ids
from core.settings import build_settings
from core.stages.context import Context
from core.types import (
    RGB,
    Analysis,
    Face,
    FaceQuality,
    FaceTrack,
    Frame,
    Label,
    Modality,
    SampledFrame,
    Status,
    Thresholds,
)
from core.weights.files import file_sha256
from tests.media_clips import write_clip
from tests.media_drawing import talking

CALIBRATED = [name for name in detector_ids() if card(name).calibration is not None]
LIMITS = Thresholds(fake=0.7, real=0.3)
SIZE = 128


def _redness(pictures: RGB) -> npt.NDArray[np.float32]:
    """Logits that are high where the middle of a face was painted red, of uint8[..., S, S, 3]."""
    size = pictures.shape[-2]
    part = slice(3 * size // 8, 5 * size // 8)
    means = pictures[..., part, part, :].astype(np.float32).mean(axis=(-3, -2))
    return np.asarray((means[..., 0] - means[..., 2]) / 12.0 - 100 / 12.0, np.float32)


class FrameProbe(FrameDetector):
    """Knows what a fake is here: a face that was painted red."""

    memory_bytes = 1

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card = card

    def logits(self, crops: RGB) -> npt.NDArray[np.float32]:
        return self.card.options.get("sign", 1) * _redness(crops)


class ClipProbe(WindowDetector):
    """The same over windows."""

    memory_bytes = 1

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card = card

    def look(self, clips: RGB) -> Seen:
        return Seen(self.card.options.get("sign", 1) * _redness(clips).mean(axis=1))


def _card(folder: Path, name: str, slope: float = 0.5, **changes: Any) -> Card:
    file = folder / f"{name}.safetensors"
    file.write_bytes(f"{name} {slope} {changes}".encode())  # loaded detectors are known by their bytes
    weights = WeightsSpec(
        file=file.name, sha256=file_sha256(file), size_bytes=1, licence="-", trained_on="-", how_to_get="-"
    )
    clip = ClipSpec(frames=8, windows=2) if name == "clip" else None
    values: dict[str, Any] = {
        "id": name,
        "title": name.title(),
        "family": "test",
        "modality": Modality.CLIP if clip else Modality.IMAGE,
        "implementation": f"tests.contract.test_polarity:{'Clip' if clip else 'Frame'}Probe",
        "architecture": "none",
        "summary": "for tests",
        "input": InputSpec(size=64),
        "clip": clip,
        "weights": weights,
        "calibration": Calibration(a=slope, b=0.0, n_real=50, n_fake=50, ece=0.0, fit_sha256="0" * 64),
    }
    return Card.model_validate(values | changes)


def _clip(path: Path, *, red: bool) -> Path:
    tint = np.array([50, 0, -50] if red else [0, 0, 0])
    frames = [np.clip(picture + tint, 0, 255).astype(np.uint8) for picture in talking(0.8, 25.0, SIZE)]
    return write_clip(path, frames, 25.0)


def _people(frames: Sequence[Frame], context: Context) -> tuple[tuple[FaceTrack, ...], tuple[SampledFrame, ...]]:
    """The one drawn face, where it is drawn."""
    count, times = len(frames), tuple(frame.t_s for frame in frames)
    points = tuple((float(x), float(y)) for x, y in template(SIZE, 1.8))
    face, quality = Face((28.0, 28.0, 100.0, 100.0), points, 0.99), FaceQuality(72.0, 100.0, 120.0, 0.0, 0.0)
    track = FaceTrack(1, tuple(range(count)), times, (face,) * count, (quality,) * count)
    return (track,), tuple(SampledFrame(frame.index, frame.t_s) for frame in frames)


@pytest.fixture
def verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Analysis]]:
    """Analyses of a clip as it is and painted red, by the probes; arguments change their cards."""
    files = {name: _clip(tmp_path / f"{name}.mp4", red=name == "fake") for name in ("real", "fake")}

    def run(**changes: Any) -> dict[str, Analysis]:
        folder = tmp_path / f"weights-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        cards = {name: _card(folder, name, **changes) for name in ("frames", "clip")}
        members = tuple(Member(detector=name) for name in cards)
        limits = {"fake": LIMITS.fake, "real": LIMITS.real}
        preset = Ensemble(id="default", title="Test", summary="-", members=members, thresholds=limits)
        monkeypatch.setattr(registry, "card", cards.__getitem__)
        monkeypatch.setattr(pipeline, "ensemble", lambda _: preset)
        monkeypatch.setattr(pipeline, "find_people", _people)
        settings = build_settings(data_dir=folder / "data", weights_dir=folder, sampling={"frames": 8})
        return {name: analyse(file, settings) for name, file in files.items()}

    return run


def _in_order(found: dict[str, Analysis]) -> None:
    """Every figure of the painted clip speaks for a fake, every one of the other against it, as does the verdict."""
    for name, label in (("fake", Label.FAKE), ("real", Label.REAL)):
        analysis, high = found[name], name == "fake"
        assert all(s.status is Status.OK for s in analysis.scores)
        figures = [s.p_fake or 0.0 for s in analysis.scores] + [s.raw or 0.0 for s in analysis.scores]
        figures += [p for line in analysis.timelines for p in line.p_fake]
        figures += [look.p_fake for s in analysis.scores for look in s.looks]
        figures += [c.p_fake for c in analysis.verdict.contributions]
        assert all((p > 0.5) is high for p in figures), figures
        assert analysis.verdict.label is label
        assert label_at(analysis.verdict.p_fake or 0.0, analysis.verdict.thresholds) is label


def test_a_painted_face_is_fake_and_the_other_is_real_all_the_way(verdicts: Callable[..., dict[str, Analysis]]) -> None:
    _in_order(verdicts())


@pytest.mark.parametrize("reversed_card", [{"slope": -0.5}, {"options": {"sign": -1}}], ids=["calibration", "detector"])
def test_a_card_of_reversed_polarity_would_not_pass(
    verdicts: Callable[..., dict[str, Analysis]], reversed_card: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError):
        _in_order(verdicts(**reversed_card))


def test_a_reversed_link_after_the_detectors_would_not_pass(
    verdicts: Callable[..., dict[str, Analysis]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.stages.asking.answers.trimmed_mean", lambda p: 1.0 - spread.trimmed_mean(p))
    with pytest.raises(AssertionError):
        _in_order(verdicts())


@pytest.mark.parametrize("name", CALIBRATED)
def test_a_higher_logit_is_never_less_suspicious_by_any_card(name: str) -> None:
    fit = card(name).calibration
    assert fit is not None and fit.a > 0
    assert all(part.a > 0 for part in (fit.by_quality or {}).values())


def test_thresholds_cannot_be_turned_round() -> None:
    with pytest.raises(ValueError, match="thresholds"):
        Thresholds(fake=LIMITS.real, real=LIMITS.fake)
    assert label_at(0.9, LIMITS) is Label.FAKE and label_at(0.1, LIMITS) is Label.REAL
