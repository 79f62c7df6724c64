"""SyncNet and LR-ASD: files of the published layout against references, cepstra, crops, and the sign of the offset."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.detectors.base import load_detector
from core.detectors.sync import REACH, SpeakingDetector, SyncNetDetector, grey_centres, offset
from core.errors import ConfigError, WeightsError
from core.sync.cepstra import cepstra
from core.sync.crops import steady_faces
from tests.unit.audio_samples import Voice, gru, sounds
from tests.unit.plugin_samples import card_for, pictures


class SyncNet(Voice):
    """The numbers are the places of the layers in the published sequences: (place, before, after, kernel, stride,
    padding), and pools (kernel, stride, padding) by place."""

    heard = ((0, 1, 64, (3, 3), 1, 1), (4, 64, 192, (3, 3), 1, 1), (8, 192, 384, (3, 3), 1, 1),
             (11, 384, 256, (3, 3), 1, 1), (14, 256, 256, (3, 3), 1, 1), (18, 256, 512, (5, 4), 1, 0))  # fmt: skip
    heard_pools: ClassVar = {7: (3, (1, 2)), 17: (3, (2, 2))}
    seen = ((0, 3, 96, (5, 7, 7), 2, 0), (4, 96, 256, (1, 5, 5), 2, 1), (8, 256, 256, (1, 3, 3), 1, 1),
            (11, 256, 256, (1, 3, 3), 1, 1), (14, 256, 256, (1, 3, 3), 1, 1),
            (18, 256, 512, (1, 6, 6), 1, 0))  # fmt: skip
    seen_pools: ClassVar = {3: (3, 2, 0), 7: (3, 2, 1), 17: (3, 2, 0)}

    def __init__(self) -> None:
        super().__init__()
        for branch, plan in (("netcnnaud", self.heard), ("netcnnlip", self.seen)):
            for place, before, after, kernel, _, _ in plan:
                self.map(f"{branch}.{place}", after, before, *kernel)
                self.norm(f"{branch}.{place + 1}", after)
        for branch in ("netfcaud", "netfclip"):
            self.full(f"{branch}.0", 512, 512)
            self.norm(f"{branch}.1", 512)
            self.full(f"{branch}.3", 1024, 512)

    def _unit(self, name: str, branch: str, place: int, y: Tensor) -> Tensor:
        return F.relu(self.norm_any(f"{branch}.{place + 1}", y))

    def _out(self, branch: str, x: Tensor) -> Tensor:
        y = F.relu(self.norm_any(f"{branch}.1", self.linear(f"{branch}.0", x.flatten(1))))
        return self.linear(f"{branch}.3", y)

    def speech(self, x: Tensor) -> Tensor:
        """Cepstra [N, 1, 13, 20]."""
        for place, _, _, _, _, padding in self.heard:
            name = f"netcnnaud.{place}"
            x = self._unit(name, "netcnnaud", place, self.conv(name, x, padding=padding))
            if place + 3 in self.heard_pools:
                kernel, stride = self.heard_pools[place + 3]
                x = F.max_pool2d(x, kernel, stride)
        return self._out("netfcaud", x)

    def mouths(self, x: Tensor) -> Tensor:
        """Five faces [N, 3, 5, 224, 224]."""
        s = self.state
        for place, _, _, _, stride, padding in self.seen:
            name = f"netcnnlip.{place}"
            y = F.conv3d(x, s[f"{name}.weight"], s[f"{name}.bias"], (1, stride, stride), (0, padding, padding))
            x = self._unit(name, "netcnnlip", place, y)
            if place + 3 in self.seen_pools:
                kernel, stride, padding = self.seen_pools[place + 3]
                x = F.max_pool3d(x, (1, kernel, kernel), (1, stride, stride), (0, padding, padding))
        return self._out("netfclip", x)

    @torch.no_grad()
    def distances(self, crops: np.ndarray, sound: np.ndarray, *, calibrate: bool = False) -> np.ndarray:
        """Frame by frame, shift by shift."""
        count, rows = min(len(crops), len(sound) // 640) - 5, cepstra(sound)
        video = torch.from_numpy(crops[..., ::-1].astype(np.float32)).permute(3, 0, 1, 2)
        self.calibrating = calibrate
        seen = self.mouths(torch.stack([video[:, t : t + 5] for t in range(count)])).numpy()
        windows = np.stack([rows[4 * t : 4 * t + 20].T for t in range(count)])
        heard = self.speech(torch.from_numpy(windows)[:, None]).numpy()
        self.calibrating = False
        out = np.zeros((count, 31), np.float32)
        for t in range(count):
            for k in range(31):
                other = heard[t + k - 15] if 0 <= t + k - 15 < count else np.zeros(1024)
                out[t, k] = np.sqrt(((seen[t] - other + 1e-6) ** 2).sum())
        return out


@pytest.fixture(scope="module")
def syncnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[SyncNet, SyncNetDetector, Path]:
    reference = SyncNet()
    reference.distances(pictures(8, 224), sounds(1, 8 * 640 + 640)[0], calibrate=True)
    file = reference.save(tmp_path_factory.mktemp("sync") / "syncnet_v2.model")
    return reference, SyncNetDetector(card_for("syncnet-v2", file), file, "cpu"), file


def test_the_layout_is_the_published_one(syncnet: tuple[SyncNet, SyncNetDetector, Path]) -> None:
    state = syncnet[0].state
    trained = [v for k, v in state.items() if k.endswith((".weight", ".bias"))]
    assert len(state) == 102 and sum(v.numel() for v in trained) == 13_631_616
    assert set(state) == set(syncnet[1].network.state_dict())


def test_distances_are_those_of_the_reference(syncnet: tuple[SyncNet, SyncNetDetector, Path]) -> None:
    reference, detector, _ = syncnet
    crops, sound = pictures(9, 224, seed=1), sounds(1, 9 * 640 + 300, seed=1)[0]
    got, want = detector.distances(crops, sound), reference.distances(crops, sound)
    assert got.shape == want.shape == (4, 31)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


def test_a_clip_that_is_too_short_has_no_distances(syncnet: tuple[SyncNet, SyncNetDetector, Path]) -> None:
    detector = syncnet[1]
    assert detector.distances(pictures(5, 224), np.zeros(16_000, np.float32)).shape == (0, 31)
    assert detector.distances(pictures(9, 224), np.zeros(0, np.float32)).shape == (0, 31)
    with pytest.raises(ValueError, match="224"):
        detector.distances(pictures(9, 96), np.zeros(16_000, np.float32))


def test_a_missing_key_is_named_and_it_votes_on_no_face(
    syncnet: tuple[SyncNet, SyncNetDetector, Path], tmp_path: Path
) -> None:
    state = dict(syncnet[0].state)
    del state["netfcaud.3.bias"]
    torch.save(state, tmp_path / "w")
    with pytest.raises(WeightsError, match="netfcaud.3.bias"):
        SyncNetDetector(card_for("syncnet-v2", tmp_path / "w"), tmp_path / "w", "cpu")
    with pytest.raises(ConfigError, match="does not judge pictures"):
        load_detector(card_for("syncnet-v2", syncnet[2]), syncnet[2], "cpu")


class LightAndLoudness(SyncNetDetector):
    """Windows, pairing and sign as they are; in place of the networks, light and loudness where it begins."""

    def __init__(self) -> None:
        pass

    def embed_video(self, crops: Any, count: int) -> Any:
        return crops[:count].mean(axis=(1, 2, 3))[:, None].astype(np.float32) / 10

    def embed_audio(self, audio: Any, count: int) -> Any:
        return np.sqrt((audio[: count * 640].reshape(count, 640) ** 2).mean(axis=1))[:, None].astype(np.float32) * 100


@pytest.mark.parametrize("late", [-9, -3, 0, 1, 7])
def test_sound_put_later_on_purpose_lags(late: int) -> None:
    """The same flashes and bursts, the sound moved by ``late`` frames of 40 ms."""
    level = np.random.default_rng(0).uniform(0, 0.25, 120)
    crops = np.broadcast_to((level[10:110] * 1000).astype(np.uint8)[:, None, None, None], (100, 224, 224, 3))
    sound = np.repeat(level[10 - late : 110 - late], 640).astype(np.float32)
    found = offset(LightAndLoudness().distances(np.asarray(crops), sound))
    assert found.lag_frames == late and found.lag_ms == 40.0 * late
    assert found.confidence > 0 and found.curve.shape == (31,) and found.curve.argmin() == REACH + late
    assert found.over_time.shape == (95,) and np.median(found.over_time) > 0


def test_distances_without_a_row_are_refused() -> None:
    with pytest.raises(ValueError, match="T >= 1"):
        offset(np.zeros((0, 31), np.float32))


# ---- LR-ASD -----------------------------------------------------------------------------------------------------


class LrAsd(Voice):
    def __init__(self) -> None:
        super().__init__()
        for number, (before, after) in enumerate(((1, 32), (32, 64), (64, 128)), 1):
            for branch, first, flat, deep in (("visual", "s", (1,), ()), ("audio", "m", (), (1,))):
                name, half = f"model.{branch}Encoder.block{number}", after // 2
                plan = ((f"{first}_1", before, half, 5), (f"{first}_2", half, after, 3), ("t_1", after, after, 5),
                        ("t_2", after, after, 3))  # fmt: skip
                for conv, a, b, k in plan:
                    space = (*flat, k, k) if flat else (k, *deep)
                    time = (k, 1, 1) if flat else (1, k)
                    self.kernel(f"{name}.{conv}", b, a, *(time if conv[0] == "t" else space))
                    self.norm(f"{name}.{conv[0]}_norm_{conv[-1]}", b)
        for name, width in (("model.fusion", 256), ("model.detector.attention", 128)):
            self.kernel(f"{name}.attention", width, width, 1)
            self.norm(f"{name}.bn", width)
        for way in ("forward", "backward"):
            for part, shape in (
                ("weight_ih", (192, 256)),
                ("weight_hh", (192, 64)),
                ("bias_ih", (192,)),
                ("bias_hh", (192,)),
            ):
                self.normal(f"model.detector.gru_{way}.{part}_l0", *shape, std=0.1)
        for head in ("lossAV", "lossV"):
            self.full(f"{head}.FC", 2, 128)

    def _block(self, name: str, x: Tensor, number: int) -> Tensor:
        conv, s = (F.conv3d, "s") if x.ndim == 5 else (F.conv2d, "m")
        for part in (f"{s}_1", f"{s}_2", "t_1", "t_2"):
            weight = self.state[f"{name}.{part}.weight"]
            stride = (1, 2, 2) if s == "s" and number == 1 and part == "s_1" else 1
            x = conv(x, weight, None, stride, tuple(k // 2 for k in weight.shape[2:]))
            x = F.relu(self.norm_any(f"{name}.{part[0]}_norm_{part[-1]}", x, eps=1e-3))
        return x

    def _gate(self, name: str, x: Tensor) -> Tensor:
        y = F.conv1d(x.transpose(1, 2), self.state[f"{name}.attention.weight"])
        return x * torch.sigmoid(self.norm_any(f"{name}.bn", y, eps=1e-3)).transpose(1, 2)

    @torch.no_grad()
    def speaking(self, faces: np.ndarray, rows: np.ndarray, *, calibrate: bool = False) -> np.ndarray:
        self.calibrating = calibrate
        seen = (torch.from_numpy(faces.astype(np.float32)) / 255 - 0.4161)[None, None] / 0.1688
        heard = torch.from_numpy(rows.T.copy())[None, None]
        for number in (1, 2, 3):
            if number > 1:
                seen = F.max_pool3d(seen, (1, 3, 3), (1, 2, 2), (0, 1, 1))
                heard = F.max_pool2d(heard, (1, 3), (1, 2), (0, 1))
            seen = self._block(f"model.visualEncoder.block{number}", seen, number)
            heard = self._block(f"model.audioEncoder.block{number}", heard, number)
        both = torch.cat([heard.mean(dim=2), seen.amax(dim=(3, 4))], dim=1).transpose(1, 2)
        both = self._gate("model.fusion", both)
        ahead = gru(self.state, "model.detector.gru_forward", both)
        back = gru(self.state, "model.detector.gru_backward", both.flip(1)).flip(1)
        out = self.linear("lossAV.FC", self._gate("model.detector.attention", torch.cat([ahead, back], dim=2)))
        self.calibrating = False
        return out[0].numpy()


def test_lr_asd_gives_the_logits_of_the_reference(tmp_path: Path) -> None:
    reference, crops, sound = LrAsd(), pictures(7, 224), sounds(1, 9000)[0]
    faces, rows = grey_centres(crops), cepstra(sound)[:28]
    reference.speaking(faces, rows, calibrate=True)
    assert len(reference.state) == 168 and sum(v.numel() for v in reference.state.values()) == 841_086
    file = reference.save(tmp_path / "w.model")
    detector = SpeakingDetector(card_for("lr-asd", file), file, "cpu")
    want = reference.speaking(faces, rows)
    got = detector.speaking(crops, sound)
    assert got.shape == (7,)
    np.testing.assert_allclose(got, want[:, 1] - want[:, 0], atol=1e-4)
    assert detector.speaking(crops, np.zeros(0, np.float32)).shape == (0,)


# ---- what both are fed with ---------------------------------------------------------------------------------------


def test_cepstra_of_a_window_are_those_of_the_definition() -> None:
    sound = sounds(1, 2000)[0]
    rows = cepstra(sound)
    assert rows.shape == (11, 13) and rows.dtype == np.float32
    x = np.rint(sound * 32767.0).astype(float)
    x = np.concatenate([x[:1], x[1:] - 0.97 * x[:-1]])
    power = np.abs(np.fft.rfft(x[480:880], 512)) ** 2 / 512
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 28)
    bins = np.floor(513 * 700 * (10 ** (mel / 2595) - 1) / 16_000).astype(int)
    bands = np.zeros(26)
    for j in range(26):
        for i in range(bins[j], bins[j + 1]):
            bands[j] += power[i] * (i - bins[j]) / (bins[j + 1] - bins[j])
        for i in range(bins[j + 1], bins[j + 2]):
            bands[j] += power[i] * (bins[j + 2] - i) / (bins[j + 2] - bins[j + 1])
    logs = np.log(bands)
    want = [np.sqrt(2 / 26) * sum(logs[n] * np.cos(np.pi * k * (n + 0.5) / 26) for n in range(26)) for k in range(13)]
    want = [w * (1 + 11 * np.sin(np.pi * k / 22)) for k, w in enumerate(want)]
    want[0] = np.log(power.sum())
    np.testing.assert_allclose(rows[3], want, rtol=1e-4, atol=1e-4)


def test_cepstra_of_nothing_silence_and_a_moment() -> None:
    assert cepstra(np.zeros(0, np.float32)).shape == (0, 13)
    assert np.isfinite(cepstra(np.zeros(1600, np.float32))).all()
    assert [len(cepstra(np.ones(n, np.float32))) for n in (1, 400, 401, 560, 561)] == [1, 1, 2, 2, 3]
    with pytest.raises(ValueError, match="mono"):
        cepstra(np.zeros((2, 100), np.float32))


@pytest.mark.parametrize("half", [60.0, 300.0])
def test_faces_are_cut_steadily(half: float) -> None:
    frames = [np.full((900, 1000, 3), 200, np.uint8) for _ in range(15)]
    for frame in frames:
        frame[445:455, 495:505] = 0
    jitter = [(0.0 if i != 7 else 40.0) for i in range(15)]
    boxes = [(500 - half + j, 450 - half, 500 + half + j, 450 + half) for j in jitter]
    crops = steady_faces(frames, boxes)
    assert crops.shape == (15, 224, 224, 3)
    assert (crops == crops[0]).all(), "one jumping box moves nothing"
    y, x = np.argwhere(crops[0, ..., 0] < 100).mean(axis=0)
    assert x == pytest.approx(112, abs=1.5) and y == pytest.approx(80, abs=1.5)


def test_a_face_at_the_edge_is_filled_up_with_grey() -> None:
    crops = steady_faces([np.zeros((100, 100, 3), np.uint8)], [(0.0, 0.0, 80.0, 80.0)])
    assert (crops[0, 100, :10] == 110).all() and (crops[0, 100, 112] == 0).all()
    assert steady_faces([], []).shape == (0, 224, 224, 3)
    with pytest.raises(ValueError, match="one box a frame"):
        steady_faces([np.zeros((10, 10, 3), np.uint8)], [])
