"""Cards of detectors that can be trained but are not yet, so that presets can name them and say how to get them.

Such a card knows no hash, no figures and no calibration; ``export`` writes another in its place.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.registry import AudioSpec, Card, InputSpec, WeightsSpec
from core.settings import ROOT
from core.training.cards import card_path, write_card
from core.training.clip_commands import clip_spec
from core.training.config import TrainConfig, config_values, read_config
from core.training.export import IMPLEMENTATION
from core.training.tasks import TaskConfig, read_task
from core.types import Modality

if TYPE_CHECKING:
    from torch import nn

_CLIPS, _VOICES, _LIPS = (
    "core.detectors.clip:ClipDetector",
    "core.detectors.own_audio:VoiceDetector",
    "core.detectors.lip_sync:LipSyncDetector",
)


def announce(config_path: Path, card_file: Path | None = None) -> Card | None:
    """Write the card of a detector before it is trained; None where it has a card already.

    Raises:
        ConfigError: the training file is wrong.
    """
    path = card_file or card_path(str(config_values(config_path)["id"]))
    if path.is_file():
        return None
    card = announced(config_path)
    write_card(card, path)
    return card


def announced(config_path: Path) -> Card:
    """The card of a detector that is not trained yet, from its training file."""
    values = config_values(config_path)
    task = values.get("task") if isinstance(values, dict) else None
    if task is None:
        return _face(read_config(config_path), config_path)
    if task == "lip-sync":
        return _lips(values, config_path)
    return _task(read_task(config_path), config_path)


def _face(config: TrainConfig, path: Path) -> Card:
    from core.networks.frame import create

    return _card(config, path, create(config.model.architecture), Modality.IMAGE, IMPLEMENTATION, input=config.input)


def _task(config: TaskConfig, path: Path) -> Card:
    from core import networks

    network = networks.build(
        config.model.architecture, **{k: v for k, v in config.options.items() if k != "trunk_file"}
    )
    if config.task == "audio":
        spec = AudioSpec(samples=config.samples)
        return _card(config, path, network, Modality.AUDIO, _VOICES, audio=spec)
    return _card(config, path, network, Modality.CLIP, _CLIPS, input=config.input, clip=clip_spec(config))


def _card(
    config: TrainConfig, path: Path, network: nn.Module, modality: Modality, implementation: str, **fed: Any
) -> Card:
    return Card(
        id=config.id,
        title=config.title,
        family={Modality.IMAGE: "face", Modality.CLIP: "face over time"}.get(modality, "voice"),
        modality=modality,
        implementation=implementation,
        architecture=config.model.architecture,
        summary=config.summary,
        weights=_weights(config.id, path, network),
        **fed,
    )


def _lips(values: dict[str, Any], path: Path) -> Card:
    from core.networks.lip_sync import LipSync
    from core.training.lip_sync import read_lip_sync

    config = read_lip_sync(path)
    options = {"width": config.width, "kernel": config.kernel}
    return Card(
        id=values["id"],
        title=values["title"],
        family="lips and speech",
        modality=Modality.AUDIO_VISUAL,
        implementation=_LIPS,
        architecture="lip-sync",
        options=options,
        summary=values["summary"],
        input=InputSpec(size=64),
        weights=_weights(values["id"], path, LipSync(**options)),
    )


def _weights(name: str, path: Path, network: nn.Module) -> WeightsSpec:
    """``size_bytes`` is what the network's matrices take at two bytes a number and its vectors at four."""
    file = path.resolve()
    shown = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else path.as_posix()
    tensors = network.state_dict().values()
    return WeightsSpec(
        file=f"{name}.safetensors",
        sha256="",
        size_bytes=sum(t.numel() * (2 if t.ndim > 1 else 4) for t in tensors),
        licence="MIT",
        trained_on="Not trained yet: there are no weights, and nothing was measured.",
        how_to_get=f"python -m core.cli train {shown}",
    )
