"""The own network of lips and speech: shapes, what it learns from, and how it is asked."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core import registry
from core.detectors.lip_sync import LipSyncDetector
from core.errors import ConfigError
from core.networks.lip_sync import LipSync, products
from core.registry import Calibration, Card
from core.settings import CONFIGS
from core.stages.asking import lips
from core.stages.listening import measure_of, view_of
from core.stages.watching import Watched, sound_round
from core.sync.coherence import FPS, REACH
from core.sync.lips import FACE, MOUTH
from core.sync.mouth import MouthMotion
from core.training.data.lip_states import States, altered_mouths, altered_sound, in_place
from core.training.lip_sync import _Draw, fit, folds_of, loss_of, read_lip_sync
from core.types import AudioClip, MediaKind, Status
from tests.unit.test_sync_coherence import piece

CONFIG = CONFIGS / "training" / "sync" / "lip-sync.yaml"


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> LipSyncDetector:
    torch.manual_seed(0)
    card = registry.card("lip-sync")
    file = tmp_path_factory.mktemp("weights") / "lip-sync.safetensors"
    save_file(LipSync(**card.options).state_dict(), file)
    return LipSyncDetector(card, file, "cpu")


def test_it_is_small(detector):
    assert sum(p.numel() for p in detector.network.parameters()) < 1_500_000


def test_one_unit_vector_a_frame(detector):
    mouths = detector.embed_mouths(np.random.default_rng(0).integers(0, 256, (12, 64, 64)).astype(np.uint8))
    voices = detector.embed_voices(np.zeros(640 * (12 + 2 * REACH), np.float32))
    assert mouths.shape == (12, 128)
    assert voices.shape == (12 + 2 * REACH, 128)
    assert np.linalg.norm(mouths, axis=1) == pytest.approx(1, abs=1e-4)
    assert detector.embed_mouths(np.zeros((0, 64, 64), np.uint8)).shape == (0, 128)
    with pytest.raises(ValueError, match="mouths are"):
        detector.embed_mouths(np.zeros((3, 80, 80), np.uint8))
    with pytest.raises(ValueError, match="frames of sound"):
        detector.embed_voices(np.zeros(6400, np.float32))


def test_products_begin_with_the_earliest_sound():
    mouths, voices = torch.eye(4)[None], torch.cat([torch.zeros(1, 4), torch.eye(4), torch.zeros(3, 4)])[None]
    found = products(mouths, voices, 2)
    assert found.shape == (1, 4, 5)
    assert found.argmax(dim=2).tolist() == [[1, 1, 1, 1]]


def test_the_sound_round_a_piece_is_placed_by_the_clock():
    pcm = np.arange(16_000, dtype=np.float32)
    sound = sound_round(AudioClip(pcm, 16_000, 5.0), 5.0, 10)
    assert len(sound) == 640 * (10 + 2 * REACH)
    assert not sound[: 640 * REACH].any()
    assert sound[640 * REACH] == 0.0
    assert sound[640 * REACH + 100] == 100.0
    assert not sound_round(AudioClip(pcm, 16_000, 500.0), 5.0, 10).any()


def states(person: str, seed: int, frames: int = 90) -> States:
    rng = np.random.default_rng(seed)
    said = rng.normal(size=(frames + 2 * REACH, 180)).astype(np.float32)
    mouths = said[REACH:-REACH, :128]
    return States(person, f"{seed:064d}", ((torch.from_numpy(mouths), torch.from_numpy(said)),))


def test_a_few_steps_bring_mouths_and_their_sound_together(tmp_path: Path):
    config = read_lip_sync(CONFIG).model_copy(update={"steps": 25, "batch": 6, "width": 32, "dropout": 0.0})
    torch.manual_seed(1)
    network = LipSync(config.width, config.kernel).eval()
    clips = [states(f"p{i}", i) for i in range(5)]
    draw = _Draw(clips, config)
    with torch.no_grad():
        before = loss_of(network, draw()).item()
    encoder = network.visualEncoder.block1.s_1.weight.clone()
    fit(config, network, clips, tmp_path / "w.safetensors")
    with torch.no_grad():
        after = loss_of(network, draw()).item()
    assert after < before - 0.3
    assert torch.equal(network.visualEncoder.block1.s_1.weight, encoder)
    assert (tmp_path / "w.safetensors").is_file()


@pytest.mark.parametrize("frames", [25, 90])
def test_a_window_longer_than_its_piece_is_filled(frames: int):
    config = read_lip_sync(CONFIG).model_copy(update={"window_frames": (200, 200), "batch": 2})
    sample = _Draw([states("a", 0, frames), states("b", 1, frames)], config)()
    assert sample.mouths.shape == (2, 200, 128)
    assert sample.voices.shape == (2, 200 + 2 * REACH, 180)


def test_altered_copies_keep_their_time():
    rng = np.random.default_rng(3)
    crops = np.full((8, 80, 80), 90, np.uint8)
    crops[4:] = 200
    out = altered_mouths(np.random.default_rng(5), crops)
    assert out.shape == (8, 64, 64)
    assert out[5:].mean() > out[:3].mean() + 20
    click = rng.normal(0, 0.01, 16_000).astype(np.float32)
    click[8000:8200] += 0.8
    for seed in range(6):
        heard = np.abs(altered_sound(np.random.default_rng(seed), click, [click]))
        assert 7900 <= int(np.convolve(heard, np.ones(200), "valid").argmax()) <= 8300
    assert np.array_equal(in_place(np.roll(click, 700), click), click)


def test_people_do_not_share_folds_and_wrong_files_are_refused(tmp_path: Path):
    folds = folds_of(read_lip_sync(CONFIG))
    assert set(folds.values()) == {0, 1, 2, 3, 4}
    bad = tmp_path / "x.yaml"
    bad.write_text("id: x\ntask: lip-sync\n")
    with pytest.raises(ConfigError, match="title"):
        read_lip_sync(bad)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_lip_sync(tmp_path / "none.yaml")


def test_the_preset_chooses_the_measure():
    assert measure_of(registry.ensemble("gated4")) is None
    chosen = measure_of(registry.ensemble("multimodal"))
    assert chosen is not None and chosen.id == "lip-sync"
    assert view_of(registry.card("lip-sync")) == MOUTH
    assert view_of(registry.card("syncnet-v2")) == FACE


def moving(still: bool = False) -> MouthMotion:
    times = np.arange(200) / FPS
    speed = np.zeros(200) if still else np.sin(np.arange(200))
    return MouthMotion(times, np.abs(speed), speed, FPS)


def calibrated(card: Card) -> Card:
    fit = Calibration(a=20.0, b=4.0, n_real=50, n_fake=50, ece=0.05, fit_sha256="0" * 64)
    return card.model_copy(update={"calibration": fit})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask about people of whom (pieces, whether the mouth is still) is known."""

    def ask(card: Card, *people: tuple[list[Any], bool], kind: MediaKind = MediaKind.VIDEO) -> list[Any]:
        seen = tuple(Watched(i, (moving(still),)) for i, (_, still) in enumerate(people, 1))
        material: Any = SimpleNamespace(
            ref=SimpleNamespace(kind=kind), audio=AudioClip(np.zeros(1600, np.float32), 16_000)
        )
        monkeypatch.setattr(lips, "watched", lambda *_: seen)
        monkeypatch.setattr(lips, "leased", lambda *_: nullcontext(SimpleNamespace(with_motion=False)))
        monkeypatch.setattr(lips, "pieces_of", lambda one, *_: people[one.track_id - 1][0])
        tracks: Any = [SimpleNamespace(id=one.track_id) for one in seen]
        return lips.ask(card, Path("w"), material, tracks, SimpleNamespace())  # type: ignore[arg-type]

    return ask


def foreign() -> list[Any]:
    return [replace(piece(seed=3), voices=piece(seed=60).voices)]


def test_lips_that_do_not_fit_speak_for_a_fake(asked):
    card = calibrated(registry.card("lip-sync"))
    (true,), (false,) = asked(card, ([piece(lag=5)], False)), asked(card, (foreign(), False))
    assert true.score.status is Status.OK
    assert true.score.p_fake < 0.2 < 0.6 < false.score.p_fake
    assert len(false.line.t_s) == false.score.n >= 3


def test_who_does_not_speak_is_not_judged(asked):
    card = calibrated(registry.card("lip-sync"))
    speaker, listener, still = asked(card, ([piece()], False), (foreign(), False), ([piece()], True))
    assert speaker.score.status is Status.OK
    assert listener.score.status is still.score.status is Status.NOT_APPLICABLE
    assert "another person" in listener.score.reason
    assert "does not move" in still.score.reason
    (nothing,) = asked(card, ([], False))
    assert "not followed long enough" in nothing.score.reason


def test_without_a_fit_it_does_not_vote(asked):
    card = registry.card("lip-sync").model_copy(update={"calibration": None})
    (answer,) = asked(card, ([piece()], False))
    assert answer.score.status is Status.UNAVAILABLE
    assert "does not vote" in answer.score.reason
    (answer,) = asked(calibrated(card), ([piece()], False), kind=MediaKind.AUDIO)
    assert answer.score.status is Status.NOT_APPLICABLE
