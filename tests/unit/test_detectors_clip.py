"""Detectors of clips: loaded from cards, fed with windows, asked about each person."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core import networks
from core.detectors.base import load_detector
from core.detectors.clip import ClipDetector, Seen, load_clip_detector
from core.errors import ConfigError, WeightsMissingError
from core.faces.align import template
from core.faces.windows import FaceWindow
from core.facts import LookKind
from core.media.guard import identify
from core.media.probe import probe
from core.registry import Card, ClipSpec, InputSpec, WeightsFile, WeightsSpec, card, ensemble
from core.runtime.pool import ModelPool
from core.settings import SHIPPED_WEIGHTS, Settings, build_settings
from core.stages.asking.clips import ask, attention_of
from core.stages.context import Context
from core.stages.reading import Material
from core.types import Face, FaceQuality, FaceTrack, Frame, MediaKind, Modality, Status
from core.weights.files import file_sha256
from tests.media import portrait, talking_clip

TINY: dict[str, dict[str, Any]] = {
    "cnn-bilstm": {"channels": [4, 4, 8, 8], "hidden": 8},
    "efficientnet-bilstm-attention-slim": {"trunk": "test_resnet", "width": 16, "heads": 2},
    "space-time-vit": {"width": 16, "space_layers": 1, "time_layers": 1, "heads": 2},
}
SPEC = ClipSpec(frames=6, stride=1, windows=3)


def _card(folder: Path, architecture: str = "cnn-bilstm", **changes: Any) -> tuple[Card, Path]:
    torch.manual_seed(0)
    options = TINY.get(architecture, {})
    network = networks.build(architecture, **options)
    file = folder / "probe.safetensors"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, file)
    weights = WeightsSpec(
        file=file.name,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        size_bytes=file.stat().st_size,
        licence="none",
        trained_on="nothing",
        how_to_get="make it",
    )
    values: dict[str, Any] = {
        "id": "probe",
        "title": "Probe",
        "family": "test",
        "modality": Modality.CLIP,
        "implementation": "core.detectors.clip:ClipDetector",
        "architecture": architecture,
        "options": options,
        "summary": "a network made for tests",
        "input": InputSpec(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        "clip": SPEC,
        "weights": weights,
    }
    return Card.model_validate(values | changes), file


def _clips(count: int = 2, size: int = 32, frames: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, frames, size, size, 3), dtype=np.uint8)


def test_logits_are_those_of_the_network_fed_by_hand(tmp_path: Path) -> None:
    own, file = _card(tmp_path)
    detector = load_clip_detector(own, file, "cpu")
    assert isinstance(detector, ClipDetector)
    x = torch.from_numpy((_clips() / 255.0 - 0.5) / 0.5).movedim(-1, 2).float()
    with torch.inference_mode():
        want = detector.network(x).numpy()
    np.testing.assert_allclose(detector.logits(_clips()), want, atol=1e-4)
    assert detector.frame_logits(_clips()).shape == (2, 6)
    seen = detector.look(_clips())
    assert seen.unrest is None and seen.heads == ()
    assert seen.attention is not None and seen.attention.shape == (2, 6)
    np.testing.assert_allclose(seen.attention.sum(axis=1), 1.0, atol=1e-5)
    assert detector.memory_bytes > 1000
    with pytest.raises(ValueError, match="windows are"):
        detector.logits(_clips(frames=5))


def test_unrest_is_a_share(tmp_path: Path) -> None:
    own, file = _card(tmp_path, "space-time-vit")
    unrest = load_clip_detector(own, file, "cpu").look(_clips()).unrest
    assert unrest is not None and unrest.shape == (2,)
    assert ((unrest >= 0) & (unrest <= 1)).all()


def test_embeddings_come_from_the_frame_detector_beside(tmp_path: Path) -> None:
    frames = card("face-lite")
    file = SHIPPED_WEIGHTS / frames.weights.file
    clip = ClipSpec(frames=2, frame_detector="face-lite")
    own, weights = _card(tmp_path, "embedding-bilstm-slim", clip=clip, input=frames.input)
    more = (WeightsFile(file=file.name, sha256=file_sha256(file), size_bytes=file.stat().st_size),)
    own = own.model_copy(update={"weights": own.weights.model_copy(update={"more": more})})
    with pytest.raises(WeightsMissingError, match=r"face-lite\.safetensors"):
        load_clip_detector(own, weights, "cpu")
    (tmp_path / file.name).symlink_to(file)
    logits = load_clip_detector(own, weights, "cpu").logits(_clips(1, frames.input.size, 2))
    assert logits.shape == (1,) and np.isfinite(logits).all()
    with pytest.raises(ConfigError, match="other crops"):
        load_clip_detector(own.model_copy(update={"input": InputSpec(size=160)}), weights, "cpu")


def test_cards_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    own, file = _card(tmp_path)
    with pytest.raises(ConfigError, match="does not say how it is fed"):
        load_clip_detector(own.model_copy(update={"clip": None}), file, "cpu")
    with pytest.raises(ConfigError, match="takes embedding"):
        load_clip_detector(own.model_copy(update={"architecture": "embedding-bilstm"}), file, "cpu")
    with pytest.raises(ConfigError, match="one by one"):
        load_detector(own, file, "cpu")


# --- asked in an analysis ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build_settings(data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Material:
    path = talking_clip(tmp_path_factory.mktemp("clip") / "a.mp4", seconds=1.6, size=128)
    ref = identify(path, settings.limits)
    frames = tuple(Frame(i, i * 0.2, np.zeros((128, 128, 3), np.uint8)) for i in range(8))
    return Material(ref, probe(ref, settings.limits), frames, None)


def _context(settings: Settings) -> Context:
    return Context(settings, ensemble("default"), ModelPool("cpu", 10**9))


def _track(number: int = 1, seen: range = range(8), side: float = 80.0) -> FaceTrack:
    points = template(int(side), 1.0) + 24
    face = Face((24, 24, 24 + side, 24 + side), tuple((float(x), float(y)) for x, y in points), 0.99)
    quality = FaceQuality(side, 100.0, 120.0, 0.0, 0.0)
    count = len(seen)
    return FaceTrack(number, tuple(seen), tuple(i * 0.2 for i in seen), (face,) * count, (quality,) * count)


def test_each_person_has_an_answer_and_a_curve(tmp_path: Path, settings: Settings, material: Material) -> None:
    own, file = _card(tmp_path)
    answers = ask(own, file, material, [_track(), _track(2, range(4))], _context(settings))
    assert [a.score.track_id for a in answers] == [1, 2]
    for answer in answers:
        assert answer.score.status is Status.OK and answer.line is not None
        assert answer.score.n == SPEC.frames * len(answer.line.t_s)
        assert answer.score.p_fake == pytest.approx(np.mean(answer.line.p_fake))
    first = answers[0].line
    assert first is not None and len(first.t_s) == 3
    assert 0.0 < first.t_s[0] < first.t_s[-1] < 1.4


def test_detectors_that_are_fed_alike_share_the_windows(
    tmp_path: Path, settings: Settings, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, file = _card(tmp_path)
    context = _context(settings)
    before = ask(own, file, material, [_track()], context)
    monkeypatch.setattr("core.stages.asking.clips.cut_window", lambda *args: pytest.fail("cut again"))
    again = ask(own, file, material, [_track()], context)
    assert again[0].score == before[0].score


def test_who_is_not_seen_long_enough_is_told_why(tmp_path: Path, settings: Settings, material: Material) -> None:
    own, file = _card(tmp_path)
    context = _context(settings)
    short = ask(own, file, material, [_track(seen=range(1))], context)[0].score
    assert short.status is Status.NOT_APPLICABLE and "0.2 s are needed" in short.reason
    small = ask(own, file, material, [_track(side=30.0)], context)[0].score
    assert small.status is Status.NOT_APPLICABLE and "30 px wide" in small.reason
    nobody = ask(own, file, material, [], context)[0].score
    assert nobody.status is Status.NOT_APPLICABLE and nobody.track_id is None


def test_pictures_do_not_move(tmp_path: Path, settings: Settings) -> None:
    own, file = _card(tmp_path)
    ref = identify(portrait(tmp_path / "a.png"), settings.limits)
    assert ref.kind is MediaKind.IMAGE
    still = Material(ref, probe(ref, settings.limits), (), None)
    score = ask(own, file, still, [_track()], _context(settings))[0].score
    assert score.status is Status.NOT_APPLICABLE and "does not move" in score.reason


def test_what_the_network_tells_of_itself_stands_on_the_row(
    tmp_path: Path, settings: Settings, material: Material
) -> None:
    own, file = _card(tmp_path, "efficientnet-bilstm-attention-slim")
    context = _context(settings)
    (answer,) = ask(own, file, material, [_track()], context)
    score, line = answer.score, answer.line
    assert line is not None and score.attention is not None
    assert [head.name for head in score.heads] == ["motion", "fingerprint"]
    assert all(head.t_s == line.t_s for head in score.heads)
    log_odds = [np.log(np.asarray(head.p) / (1 - np.asarray(head.p))) for head in score.heads]
    np.testing.assert_allclose(1 / (1 + np.exp(-sum(log_odds))), line.p_fake, atol=1e-5)
    assert len(score.attention.t_s) == score.n and np.mean(score.attention.weight) == pytest.approx(1.0)
    assert list(score.attention.t_s) == sorted(score.attention.t_s)
    assert [(look.kind, look.n) for look in score.looks] == [(LookKind.DROPOUT, 1)]
    assert score.spread == score.looks[0].difference > 0
    again = ask(own, file, material, [_track()], context)[0].score
    assert again == score


def test_a_network_without_dropout_is_not_asked_again(tmp_path: Path, settings: Settings, material: Material) -> None:
    own, file = _card(tmp_path, options={**TINY["cnn-bilstm"], "drop": 0.0})
    score = ask(own, file, material, [_track()], _context(settings))[0].score
    assert score.looks == () and score.spread is None
    off = settings.model_copy(update={"uncertainty": settings.uncertainty.model_copy(update={"dropout": 0})})
    own, file = _card(tmp_path)
    assert ask(own, file, material, [_track()], _context(off))[0].score.looks == ()


def test_attention_points_at_the_frame_that_differs(tmp_path: Path) -> None:
    """A readout that attends to bright frames says so, frame by frame."""
    own, file = _card(tmp_path)
    detector = load_clip_detector(own, file, "cpu")
    dark = np.full((1, 6, 32, 32, 3), 20, np.uint8)
    dark[:, 4] = 250
    even = detector.look(np.full_like(dark, 20)).attention
    found = detector.look(dark).attention
    assert even is not None and found is not None
    assert np.abs(found - even).sum() > 1e-4
    frames = [window(moments) for moments in (0.0, 1.0)]
    told = attention_of(frames[::-1], [Seen(np.zeros(1, np.float32), attention=found)] * 2)
    assert told is not None and told.t_s == tuple(sorted(told.t_s))
    np.testing.assert_allclose(told.weight[:6], 6 * found[0], atol=1e-6)
    assert attention_of(frames, [Seen(np.zeros(1, np.float32))] * 2) is None


def window(begin: float) -> FaceWindow:
    t_s = begin + np.arange(6) / 25
    return FaceWindow(np.zeros((6, 32, 32, 3), np.uint8), t_s, np.zeros((6, 5, 2)), np.ones(6, bool))
