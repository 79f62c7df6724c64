"""Networks of clips, embeddings and sound train from their files with the trainer of single faces."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import yaml
from safetensors.torch import load_file, save_file

from core import networks, registry
from core.errors import ConfigError, WeightsError
from core.faces.align import template
from core.networks.embed import FrameEmbedder
from core.settings import CONFIGS
from core.training import cli_api, clip_commands, clip_task, tasks
from core.training.announce import announced
from core.training.audio_task import prepare_audio
from core.training.clip_task import prepare_clips
from core.training.data import tracks
from core.training.data.faces import Found
from core.training.data.kept import Kept
from core.training.dispatch import commands_of
from core.training.tasks import (
    Material,
    TaskConfig,
    TaskTrainer,
    bank_key,
    methods,
    network_input,
    read_task,
    train_task,
)
from core.types import Modality
from tests.media import speech, talking, write_clip

FILES = sorted([*(CONFIGS / "training" / "clips").glob("*.yaml"), *(CONFIGS / "training" / "voices").glob("*.yaml")])
# WORLD comes in a package of its own, which nothing else needs.
ABSENT = set() if importlib.util.find_spec("pyworld") else {"world"}
TINY: dict[str, dict[str, Any]] = {
    "resnext-lstm-slim": {"trunk": "test_resnet", "hidden": 8},
    "efficientnet-bilstm-attention-slim": {"trunk": "test_resnet", "width": 16, "heads": 2},
    "cnn-bilstm-slim": {"channels": (4, 4, 8, 8), "hidden": 8},
    "embedding-bilstm-slim": {"features": 5, "width": 16},
    "space-time-vit-slim": {"width": 16, "space_layers": 1, "time_layers": 1, "heads": 2},
    "cqcc-cnn-slim": {"channels": (4, 4, 8, 8), "coefficients": 16},
    "lfcc-lcnn-slim": {"width": 4},
    "raw-graph-slim": {"filters": 12, "channels": (4, 4, 8, 8), "nodes": 8, "stride": 4},
    "wave-transformer-slim": {"channels": 16, "width": 32, "layers": 1, "heads": 2},
}


class _Finder:
    def largest(self, rgb: np.ndarray) -> Found:
        side = min(rgb.shape[:2])
        points = template(side // 2, 1.0) + side // 4
        box = np.array([side // 4, side // 4, 3 * side // 4, 3 * side // 4], np.float32)
        return Found(box, points.astype(np.float32), 0.99)

    def largest_each(self, frames: list[np.ndarray]) -> list[Found]:
        return [self.largest(rgb) for rgb in frames]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five talking people, six voices and two recorded fakes."""
    root = tmp_path_factory.mktemp("data")
    lines = ["path,modality,label,method,source,split,licence,sha256"]
    for i in range(5):
        write_clip(root / f"person{i}.mp4", talking(0.6, 25, 96, i, i % 2), 25)
        lines.append(f"person{i}.mp4,video,real,pristine,s,train,free,{i:064x}")
    for i in range(8):
        speech(root / f"voice{i}.wav", seconds=1.2, seed=i)
        label = "fake,tts" if i > 5 else "real,bonafide"
        lines.append(f"voice{i}.wav,audio,{label},v,train,free,{i + 16:064x}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def _small(config: TaskConfig, **changes: Any) -> TaskConfig:
    """The same task at a size that takes a second."""
    values = config.model_dump() | {
        "options": TINY[config.model.architecture],
        "samples": 16_000,
        "processes": 1,
        "clip": {"frames": 4, "strides": (1, 2), "windows": 1},
        "optim": config.optim.model_dump() | {"epochs": 1, "pairs_per_epoch": 4, "pairs_per_batch": 2},
        "fakes": {name: odds for name, odds in config.fakes.items() if name not in ABSENT},
    }
    values["input"] = values["input"] | {"size": 32, "via": 64 if config.task == "clip" else None}
    values["data"] = values["data"] | {"validation_share": 0.4, "split_file": "split.json"}
    values["model"] = values["model"] | {"start": "scratch", "start_file": None}
    return TaskConfig.model_validate(values | changes)


def _embed(frames: np.ndarray) -> np.ndarray:
    return np.concatenate([frames.mean(axis=(1, 2)), frames.std(axis=(1, 2))], axis=1)[:, :5].astype(np.float32) / 64


def _material(config: TaskConfig, data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Material:
    monkeypatch.setattr(tracks, "Finder", _Finder)
    monkeypatch.setattr(clip_task, "frame_embedder", lambda config: _embed)
    if config.task == "audio":
        return prepare_audio(config, data, data / "store", folder / "splits")
    return prepare_clips(config, data, data / "store", folder / "bank", folder / "splits")


def test_every_slim_network_has_a_file() -> None:
    assert {read_task(file).model.architecture for file in FILES} == set(TINY)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_file_trains(file: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = read_task(file)
    assert config.id == file.stem
    config = _small(config)
    material = _material(config, data, tmp_path, monkeypatch)
    best = train_task(config, material, tmp_path / "run")
    trainer = TaskTrainer(config, material.pairs, material.validation, tmp_path / "run", device="cpu")
    assert trainer.resume()
    assert trainer.progress.step == 2
    assert load_file(best).keys() == trainer.net.state_dict().keys()
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert np.isfinite(history[0]["loss"])
    assert 0.0 <= history[0]["auc"] <= 1.0
    assert set(history[0]) >= {f"auc/{m}" for m in set(material.validation.method[material.validation.fake].tolist())}
    facts = json.loads((tmp_path / "run" / "data.json").read_text())
    assert facts


def test_a_task_begins_with_the_weights_of_another_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _small(read_task(next(f for f in FILES if f.stem == "clip-space-time-vit-base")))
    material = _material(first, data, tmp_path, monkeypatch)
    began = TaskTrainer(first, material.pairs, material.validation, tmp_path / "first", device="cpu")
    began.save()
    model = first.model.model_dump() | {"start": "checkpoint", "start_file": str(tmp_path / "first/last.safetensors")}
    second = _small(first, seed=first.seed + 1, model=model)
    went_on = TaskTrainer(second, material.pairs, material.validation, tmp_path / "second", device="cpu")
    for name, value in began.net.state_dict().items():
        assert torch.equal(value, went_on.net.state_dict()[name]), name
    other = _small(read_task(next(f for f in FILES if f.stem == "clip-cnn-bilstm")), model=model)
    other = other.model_copy(update={"model": second.model.model_copy(update={"architecture": "cnn-bilstm-slim"})})
    other = other.model_copy(update={"options": TINY["cnn-bilstm-slim"]})
    with pytest.raises(WeightsError, match="does not fit"):
        TaskTrainer(other, material.pairs, material.validation, tmp_path / "third", device="cpu")


def test_held_frames_and_wobbling_light_are_asked_for_by_the_file() -> None:
    calm, restless = (
        read_task(next(f for f in FILES if f.stem == f"clip-space-time-vit{end}")) for end in ("-base", "")
    )
    assert calm.nuisance.timing == 0.0 < restless.nuisance.timing
    assert restless.model.start == "checkpoint" and restless.fakes == calm.fakes


def test_a_file_that_extends_another_is_known_by_its_task() -> None:
    file = next(f for f in FILES if f.stem == "clip-space-time-vit")
    assert "task" not in yaml.safe_load(file.read_text(encoding="utf-8"))
    assert commands_of(file) is clip_commands
    assert announced(file).modality is Modality.CLIP


def test_nobody_is_on_both_sides(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("clip-cnn-bilstm", "audio-lfcc-lcnn"):
        config = _small(read_task(next(f for f in FILES if f.stem == name)))
        material = _material(config, data, tmp_path / name, monkeypatch)
        assert not {row.identity for row in material.rows} & set(material.validation.identity.tolist())
        assert material.licences[material.rows[0].source] == "free"


def test_kept_pairs_are_made_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = _small(read_task(next(f for f in FILES if f.stem == "audio-lfcc-lcnn")))
    pairs = _material(config, data, tmp_path, monkeypatch).pairs
    kept = Kept(pairs, tmp_path / "bank", 2)
    kept.epoch = 1
    first = kept[3]
    pairs.epoch = 1
    assert torch.equal(first[0], pairs[3][0])
    monkeypatch.setattr(type(pairs), "__getitem__", lambda self, item: pytest.fail("made again"))
    kept.epoch = 3
    again = kept[3]
    assert torch.equal(first[0], again[0])
    assert first[1:] == again[1:]
    with pytest.raises(IndexError):
        kept[4]


def test_half_written_pairs_are_made_again(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = _small(read_task(next(f for f in FILES if f.stem == "audio-lfcc-lcnn")))
    kept = Kept(_material(config, data, tmp_path, monkeypatch).pairs, tmp_path / "bank", 1)
    first = kept[0]
    (tmp_path / "bank" / "000" / "00000.npz").write_bytes(b"PK\x03\x04 half")
    assert torch.equal(kept[0][0], first[0])


def test_the_bank_belongs_to_what_decides_its_pairs() -> None:
    config = _small(read_task(next(f for f in FILES if f.stem == "clip-cnn-bilstm")))
    same = _small(config, seed=9, title="other")
    assert bank_key(config, ()) == bank_key(same, ())
    assert bank_key(config, ()) != bank_key(_small(config, fakes={"jitter": 1}), ())
    assert bank_key(config, ()) != bank_key(_small(config, clip={"frames": 3}), ())


def test_clips_are_normalised_and_the_rest_is_taken_as_it_is() -> None:
    spec = _small(read_task(FILES[0])).input
    clips = torch.randint(0, 256, (2, 4, 8, 8, 3), dtype=torch.uint8)
    out = network_input(clips, spec)
    assert out.shape == (2, 4, 3, 8, 8)
    assert torch.allclose(out[1, 2, 0], (clips[1, 2, :, :, 0].float() / 255 - spec.mean[0]) / spec.std[0])
    assert torch.equal(network_input(torch.ones(2, 5), spec), torch.ones(2, 5))


def test_a_frame_detector_shows_its_features_and_its_logit() -> None:
    torch.manual_seed(0)
    net = timm.create_model("test_resnet", num_classes=1)
    embed = FrameEmbedder(net).train()
    x = torch.randn(3, 3, 32, 32)
    out = embed(x)
    assert out.shape == (3, embed.width)
    assert torch.allclose(out[:, -1:], net.eval()(x), atol=1e-5)
    own = _Own()
    out = FrameEmbedder(own)(x)
    assert out.shape == (3, embed.width)
    assert torch.allclose(out[:, -1:], own(x))
    with pytest.raises(ConfigError, match="features"):
        FrameEmbedder(torch.nn.Linear(2, 1))


class _Own(torch.nn.Module):
    """A frame detector with a timm network in it."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = timm.create_model("test_resnet", num_classes=1).eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = 2.0 * self.trunk(x)
        return out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "audio"}, "takes clip, the task is audio"),
        ({"fakes": {"parrot": 1}}, "no pseudo-fake parrot"),
        ({"clip": {"frames": 1}}, "frames"),
        ({"surprise": 1}, "surprise"),
        ({"task": "frame"}, "task"),
        ({"model": {"architecture": "cnn-bilstm-slim", "start": "imagenet-lite"}}, "model.start is for single faces"),
    ],
)
def test_wrong_files_say_what_is_wrong(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    values = yaml.safe_load((CONFIGS / "training" / "clips" / "clip-cnn-bilstm.yaml").read_text(encoding="utf-8"))
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(values | change), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_task(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_task(tmp_path / "none.yaml")


def test_embedding_needs_a_detector_of_the_same_input() -> None:
    config = _small(read_task(next(f for f in FILES if f.stem == "clip-embedding-bilstm")), frame_detector=None)
    with pytest.raises(ConfigError, match="needs a frame_detector"):
        clip_task.frame_embedder(config)
    other = _small(config, frame_detector="face-lite")
    with pytest.raises(ConfigError, match="another input"):
        clip_task.frame_embedder(other)


def test_a_trunk_file_lies_in_the_programs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "ROOT", tmp_path)
    save_file(dict(timm.create_model("test_resnet", num_classes=1).state_dict()), tmp_path / "frame.safetensors")
    config = _small(read_task(next(f for f in FILES if f.stem == "clip-resnext-lstm")))
    config = config.model_copy(update={"options": config.options | {"trunk_file": "frame.safetensors"}})
    assert tasks._options(config)["trunk_file"] == str(tmp_path / "frame.safetensors")
    networks.build(config.model.architecture, **tasks._options(config))


def test_frames_are_embedded_by_a_shipped_detector() -> None:
    config = read_task(next(f for f in FILES if f.stem == "clip-embedding-bilstm"))
    config = config.model_copy(update={"frame_detector": "face-lite", "input": registry.card("face-lite").input})
    frames = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    out = clip_task.frame_embedder(config)(frames)
    assert out.shape == (2, 1281)
    assert np.isfinite(out).all()


def test_the_train_command_knows_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    monkeypatch.setattr(clip_commands, "run", lambda path, **folders: seen.append(path))
    cli_api.run(FILES[0], data=tmp_path, out=tmp_path, store=tmp_path)
    assert seen == [FILES[0]]
    assert commands_of(CONFIGS / "training" / "face-lite.yaml") is None
    assert commands_of(tmp_path / "none.yaml") is None
    (tmp_path / "odd.yaml").write_text("task: smell", encoding="utf-8")
    with pytest.raises(ConfigError, match="no task 'smell'"):
        commands_of(tmp_path / "odd.yaml")


def test_methods_of_a_task() -> None:
    assert "recorded" in methods("audio")
    assert methods("clip") == methods("embedding") >= {"jitter", "tracked"}
