"""Heat maps point at what a detector reacts to, lie where the crop lies, and say no more than they know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.heat import look, ratio
from core import registry
from core.detectors.audio import AudioDetector
from core.detectors.network import NetworkDetector
from core.errors import ConfigError, NotFoundError
from core.explain import aids
from core.explain.choices import frame_detectors, sound_detectors
from core.explain.frames import explain_frame
from core.explain.heat import Explainer, heat_map, methods_of, onto_frame
from core.explain.layers import LAYERS, grid_of, spot
from core.explain.methods import METHODS, Method
from core.explain.overlay import overlay
from core.explain.sound import attribution
from core.faces.align import crop, crop_matrix
from core.networks.classnseg import Decoder, Encoder
from core.networks.clip_vision import ClipClassifier
from core.networks.frame import OWN, create
from core.networks.ladeda import TinyLaDeDa
from core.networks.mesonet import Meso4, MesoInception4
from core.registry import AudioSpec, InputSpec
from core.settings import build_settings
from core.types import RGB, Face, MediaKind
from core.weights.files import as_found
from tests import analyses
from tests.media import head

CAMS: tuple[Method, ...] = ("layercam", "gradcam", "gradcam++", "scorecam", "eigencam")
GRADIENTS: tuple[Method, ...] = ("layercam", "gradcam", "gradcam++")
SIDE = 64
PATCH = (slice(20, 40), slice(28, 48))
LANDMARKS = ((70.0, 90.0), (112.0, 86.0), (92.0, 118.0), (76.0, 140.0), (112.0, 137.0))


class Bare(NetworkDetector):
    """Any network in the place of one that was loaded from a file."""

    def __init__(self, network: nn.Module, architecture: str = "none", size: int = SIDE) -> None:
        base = registry.card("face-lite")
        self.card = base.model_copy(
            update={"architecture": architecture, "input": base.input.model_copy(update={"size": size})}
        )
        self.device = "cpu"
        self.network = network.float().eval()
        self.ask = self._scored_once
        self._mean = torch.tensor(self.card.input.mean).view(1, 3, 1, 1)
        self._std = torch.tensor(self.card.input.std).view(1, 3, 1, 1)

    def build(self) -> nn.Module:
        return self.network

    def fake_logit(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs[:, -1]


def faces(count: int, seed: int) -> tuple[RGB, np.ndarray]:
    """Smooth pictures, every other one with a patch of coarse noise blended in somewhere."""
    rng = np.random.default_rng(seed)
    small = rng.integers(60, 200, (count, 5, 5, 3), np.uint8)
    pictures = np.stack([cv2.resize(s, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for s in small]).astype(float)
    labels = np.arange(count) % 2
    for i in np.flatnonzero(labels):
        y, x = rng.integers(4, SIDE - 24, 2)
        pictures[i] = blended(pictures[i], (slice(y, y + 20), slice(x, x + 20)), rng)
    return pictures.clip(0, 255).astype(np.uint8), labels


def blended(picture: np.ndarray, where: tuple[slice, slice], rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE))
    mask[where] = 1.0
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.5))[..., None]
    return picture + soft * rng.normal(0, 45, picture.shape)


@pytest.fixture(scope="module")
def trained() -> Bare:
    """The four-block network after some steps on blended patches."""
    torch.manual_seed(0)
    detector = Bare(create("cnn4"), "cnn4")
    pictures, labels = faces(96, seed=1)
    x, y = detector.normalised(pictures), torch.from_numpy(labels).float()
    network = detector.network.train()
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    for step in range(60):
        part = slice(16 * (step % 6), 16 * (step % 6) + 16)
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(x[part])[:, 0], y[part]).backward()
        optimiser.step()
    network.eval()
    fresh, truth = faces(40, seed=2)
    assert ((detector.logits(fresh) > 0) == truth).mean() >= 0.9
    return detector


@pytest.mark.parametrize("method", GRADIENTS)
def test_the_heat_lies_in_a_blended_patch(trained: Bare, method: Method) -> None:
    clean = faces(2, seed=5)[0][0]
    fake = blended(clean.astype(float), PATCH, np.random.default_rng(6)).clip(0, 255).astype(np.uint8)
    assert trained.logits(fake[None])[0] > 0 > trained.logits(clean[None])[0]
    assert ratio(heat_map(trained, fake, method), PATCH) >= 3.0


class Reacts(nn.Module):
    """Says fake where red is bright; blue excites it too, but speaks for real."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 2, 5, 4, 2, bias=False)
        with torch.no_grad():
            self.body.weight.zero_()
            self.body.weight[0, 0] = self.body.weight[1, 2] = 0.1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = self.body(x).relu().mean(dim=(2, 3))
        return torch.stack([places[:, 1], 10 * places[:, 0] - 10 * places[:, 1]], dim=1)


def two_patches() -> tuple[RGB, tuple[slice, slice], tuple[slice, slice]]:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    red, blue = (slice(8, 24), slice(8, 24)), (slice(40, 56), slice(40, 56))
    picture[(*red, 0)] = picture[(*blue, 2)] = 255
    return picture, red, blue


@pytest.mark.parametrize("method", ["layercam", "gradcam", "scorecam"])
def test_the_fake_logit_is_explained_and_not_the_real_one(method: Method) -> None:
    picture, red, blue = two_patches()
    heat = heat_map(Bare(Reacts()), picture, method)
    assert heat.dtype == np.float32 and heat.min() >= 0.0 and heat.max() == pytest.approx(1.0, abs=0.01)
    assert ratio(heat, red) >= 3.0
    assert heat[red].mean() >= 3 * heat[blue].mean()


def test_what_speaks_only_for_real_is_cold() -> None:
    picture, _, _ = two_patches()
    picture[..., 0] = 0
    assert not heat_map(Bare(Reacts()), picture, "layercam").any()


@pytest.mark.parametrize("kind", ["cnn", "mean-patches", "tiny-ladeda"])
def test_patch_networks_show_their_own_map(kind: str) -> None:
    torch.manual_seed(0)
    networks = {"cnn": create("cnn4"), "mean-patches": create("patch-gate"), "tiny-ladeda": TinyLaDeDa()}
    detector = Bare(networks[kind])
    if kind == "cnn":
        assert "own" not in methods_of(detector)
        with pytest.raises(ConfigError):
            heat_map(detector, head(SIDE), "own")
        return
    assert methods_of(detector)[0] == "own"
    heat = heat_map(detector, head(SIDE), "own")
    assert heat.shape == (SIDE, SIDE)
    patches = detector.network.patches(detector.normalised(head(SIDE)[None])).sigmoid().detach().numpy()  # type: ignore
    assert heat.mean() == pytest.approx(patches.mean(), abs=0.02)


class _Doubled(nn.Module):
    """ClassNSeg as its detector holds it, callable."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(x).mean(dim=(2, 3))


def network_of(architecture: str) -> tuple[nn.Module, int]:
    """A network of each architecture of the table, small where it can be, and the size it takes."""
    import timm

    from core.networks.xception_fad import XceptionFad

    small_clip: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3,
                                  "num_attention_heads": 2, "image_size": 56}  # fmt: skip
    if architecture in OWN:
        return create(architecture), 160
    return {
        "xception-fad": lambda: (XceptionFad(96), 96),
        "clip-vit-large-patch14": lambda: (ClipClassifier(**small_clip), 56),
        "tiny-ladeda": lambda: (TinyLaDeDa(), 96),
        "meso4": lambda: (Meso4(), 256),
        "meso-inception4": lambda: (MesoInception4(), 256),
        "classnseg": lambda: (_Doubled(), 96),
    }.get(architecture, lambda: (timm.create_model(architecture, pretrained=False, num_classes=2), 160))()


@pytest.mark.parametrize("architecture", LAYERS)
def test_every_layer_of_the_table_tells_places_apart(architecture: str) -> None:
    torch.manual_seed(0)
    network, size = network_of(architecture)
    detector = Bare(network, architecture, size)
    place = spot(network.eval(), architecture, detector.normalised(head(size)[None]))
    assert place.layer is not network
    heat = heat_map(detector, head(size), "eigencam")
    assert heat.shape == (size, size) and heat.std() > 0


def test_every_frame_detector_with_a_card_is_in_the_table() -> None:
    frame_makers = ("core.detectors.timm_frame", "core.detectors.deepfakebench", "core.detectors.sbi",
                    "core.detectors.effort", "core.detectors.ladeda", "core.detectors.mesonet",
                    "core.detectors.classnseg")  # fmt: skip
    cards = [registry.card(name) for name in registry.detector_ids()]
    asked = {c.architecture for c in cards if c.implementation.split(":")[0] in frame_makers}
    assert asked <= set(LAYERS)


def test_networks_outside_the_table_are_explained_at_their_last_places() -> None:
    import timm

    detector = Bare(timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=2, img_size=64))
    place = spot(detector.network, "of-someone", detector.normalised(head(SIDE)[None]))
    assert place.layer is detector.network.blocks[-1].norm1  # type: ignore[union-attr, index]
    assert place.reshape is not None and place.reshape(torch.zeros(1, 17, 8)).shape == (1, 8, 4, 4)
    with pytest.raises(ConfigError):
        spot(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), "flat", torch.zeros(1, 3, 2, 2))


def test_tokens_before_the_grid_are_dropped() -> None:
    tokens = torch.arange(2 + 9).float().view(1, 11, 1)
    assert grid_of(11)(tokens)[0, 0].tolist() == [[2, 3, 4], [5, 6, 7], [8, 9, 10]]


@pytest.mark.parametrize("rule", ["aligned", "box", "stretched", "whole"])
def test_the_heat_lies_on_the_frame_where_the_crop_was_cut(rule: Any) -> None:
    face = Face((50.0, 60.0, 130.0, 170.0), LANDMARKS, 1.0)
    spec = InputSpec(size=96, crop=rule)
    rgb = np.zeros((240, 200, 3), np.uint8)
    rgb[100:112, 84:96] = 255  # a mark on the face
    seen = crop(rgb, face, spec)[..., 0] / np.float32(255)
    back = onto_frame(seen.astype(np.float32), rgb.shape, face, spec)
    assert back.shape == (240, 200)
    ys, xs = np.nonzero(back > 0.5)
    assert (ys.mean(), xs.mean()) == pytest.approx((105.5, 89.5), abs=1.0)
    mapped = crop_matrix(rgb.shape, face, spec) @ (89.5, 105.5, 1.0)
    sy, sx = np.nonzero(seen > 0.5)
    assert (sx.mean(), sy.mean()) == pytest.approx(tuple(mapped), abs=1.0)


def test_an_overlay_leaves_cold_places_alone() -> None:
    rgb = head(SIDE)
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[:8] = 1.0
    drawn = overlay(rgb, heat, 0.5)
    assert (drawn[8:] == rgb[8:]).all() and (drawn[:8] != rgb[:8]).any()
    assert (overlay(rgb, heat, 0.0) == rgb).all()
    with pytest.raises(ValueError, match="fit"):
        overlay(rgb, heat[:4], 0.5)


@pytest.mark.parametrize(
    ("detector", "block", "method"),
    [("face-lite", 3, "layercam"), ("face-vit", 3, "gradcam"), ("face-cnn4", 3, "gradcam")],
)
def test_the_shipped_detector_shows_a_coarse_patch(detector: str, block: int, method: Method) -> None:
    """Blocks of pixels, a quarter of the face across, at four places of two faces."""
    card, weights = as_found(registry.card(detector), build_settings())
    found = look(Explainer(card, weights, "cpu"), card, block, (method,))
    assert min(found.rises) > 0
    assert float(np.median(found.ratios[method])) >= 3.0 and sum(r >= 3.0 for r in found.ratios[method]) >= 6


def test_a_frame_is_explained_in_place(samples: Any, tmp_path: Path) -> None:
    from core.pipeline import analyse

    settings = build_settings(data_dir=tmp_path, cache={"enabled": False})
    path = samples("portrait", "p.png")
    analysis = analyse(path, settings)
    assert list(frame_detectors(analysis)) == ["face-lite", "face-vit"] and sound_detectors(analysis) == {}
    found = explain_frame(analysis, path, 3.0, None, "face-lite", None, settings)
    assert found.method == "layercam" and set(found.methods) == set(CAMS) and found.t_s == 0.0
    assert found.heat.shape == found.rgb.shape[:2] and found.crop_heat.shape == found.crop.shape[:2]
    assert found.track_id == analysis.verdict.track_id and found.box is not None and found.words
    for track_id, method, error in ((99, None, NotFoundError), (None, "own", ConfigError)):
        with pytest.raises(error):
            explain_frame(analysis, path, 0.0, track_id, "face-lite", method, settings)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        explain_frame(analysis, path, 0.0, None, "no-such-detector", None, settings)
    info = replace(analyses.clip().media.info, kind=MediaKind.AUDIO)
    sound = replace(analysis, media=replace(analysis.media, info=info))
    with pytest.raises(NotFoundError, match="no picture"):
        explain_frame(sound, path, 0.0, None, "face-lite", None, settings)


def test_every_method_has_words() -> None:
    assert all(words.title and words.says for words in METHODS.values())


class Hears(nn.Module):
    """Says fake by the energy near 3 kHz, and less fake by that near 1 kHz."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        power = torch.fft.rfft(x).abs() ** 2
        hz = torch.fft.rfftfreq(x.shape[1], 1 / 16000)
        near = [power[:, (hz - f).abs() < 60].sum(dim=1) for f in (3000, 1000)]
        return torch.stack([1e-6 * (near[0] - near[1]), torch.zeros(len(x))], dim=1)


class _Ear(AudioDetector):
    def __init__(self) -> None:
        self.device, self.network, self.spec = "cpu", Hears(), AudioSpec(samples=16000)

    def build(self) -> nn.Module:
        return self.network


def test_sound_that_speaks_for_a_fake_is_hot_and_what_speaks_against_it_is_cold() -> None:
    t = np.arange(16000) / 16000
    x = 0.01 * np.random.default_rng(0).standard_normal(16000)
    x += np.where((t > 0.6) & (t < 0.8), 0.5 * np.sin(2 * np.pi * 3000 * t), 0)
    x += np.where((t > 0.2) & (t < 0.4), 0.5 * np.sin(2 * np.pi * 1000 * t), 0)
    level, heat = attribution(_Ear(), x.astype(np.float32))
    assert level.shape == heat.shape == (257, 63) and level.max() <= 0.1 and np.abs(heat).max() <= 1.0
    assert np.unravel_index(heat.argmax(), heat.shape) == pytest.approx((96, 44), abs=7)
    assert np.unravel_index(heat.argmin(), heat.shape) == pytest.approx((32, 19), abs=7)
    fake = (slice(92, 101), slice(38, 50))
    assert ratio(np.maximum(heat, 0), fake) >= 3.0


def test_aids_show_what_they_say() -> None:
    rng = np.random.default_rng(0)
    rgb = np.asarray(cv2.GaussianBlur(rng.integers(0, 256, (256, 320, 3), np.uint8), (0, 0), 1.5), np.uint8)
    for aid in aids.AIDS.values():
        view = aid.make(rgb)
        assert view.dtype == np.uint8 and view.ndim == 3 and aid.title and aid.says
    part = (slice(80, 140), slice(100, 180))
    grainy = rgb.copy()
    grainy[part] = np.clip(rgb[part] + rng.normal(0, 12, (60, 80, 3)), 0, 255).astype(np.uint8)
    for make in (aids.noise, aids.error_level):
        strength = np.abs(make(grainy).astype(float).mean(axis=2) - make(rgb).astype(float).mean(axis=2))
        assert ratio(strength, part) >= 3.0
    stripes = rgb.copy()
    stripes[:, ::4] = np.clip(stripes[:, ::4].astype(int) + 6, 0, 255).astype(np.uint8)
    before, after = (aids.spectrum(x).astype(int).sum(axis=2) for x in (rgb, stripes))
    side = after.shape[0]
    dot = (slice(side // 2 - 2, side // 2 + 3), slice(3 * side // 4 - 2, 3 * side // 4 + 3))
    assert after[dot].max() > before[dot].max()
    assert aids.noise(rgb[:5, :5]).shape == (5, 5, 3) and aids.spectrum(rgb[:1, :1]).shape == (1, 1, 3)
