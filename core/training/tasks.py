"""Training of networks that take more than one picture: clips of a face, embeddings of its frames, sound.

The file of such a run has a ``task``; everything else is read, trained, resumed and written as for single faces.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from core import networks
from core.errors import ConfigError
from core.registry import InputSpec
from core.settings import ROOT
from core.training.config import TrainConfig, config_values
from core.training.data.crops import CropRow
from core.training.data.kept import Kept
from core.training.data.seeded import PairData
from core.training.export import describe
from core.training.model import start
from core.training.team import Team, together
from core.training.train import Trainer
from core.training.validation import ValidationSet

log = logging.getLogger(__name__)

Task = Literal["clip", "embedding", "audio"]
_FACES = "windows of real faces"
_WHAT = {"clip": _FACES, "embedding": _FACES, "audio": "voices, real and recorded fakes,"}


class ClipOptions(BaseModel):
    """``frames`` of a clip, ``strides`` between them in steps of 1/25 s that are drawn from, how many ``windows`` of
    each file are trained on at most, and how many of a person the detector ``looks`` at later."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: int = Field(default=16, ge=2)
    strides: tuple[int, ...] = Field(default=(1, 2), min_length=1)
    windows: int = Field(default=6, ge=1)
    looks: int = Field(default=4, ge=1)

    @property
    def length(self) -> int:
        """Frames of a stored window."""
        return self.frames * max(self.strides)


class TaskConfig(TrainConfig):
    """A run of a task. ``model.architecture`` is a name of :mod:`core.networks`, ``options`` go to the network."""

    task: Task
    input: InputSpec = Field(default=InputSpec(size=112), description="of each frame; sound has none")
    options: dict[str, Any] = Field(default_factory=dict)
    clip: ClipOptions = ClipOptions()
    samples: int = Field(default=64_000, ge=16_000, description="of each sound, at 16 kHz")
    frame_detector: str | None = Field(default=None, description="id of the detector that embeds frames")


def read_task(path: Path) -> TaskConfig:
    """Read and check the file of a task.

    Raises:
        ConfigError: the file is missing or wrong; the message names the field.
    """
    try:
        config = TaskConfig.model_validate(config_values(path))
    except OSError as exc:
        raise ConfigError(f"The training file {path} cannot be read.", hint="See configs/training.") from exc
    except (ValidationError, yaml.YAMLError) as exc:
        raise ConfigError(f"The training file {path.name} is wrong: {exc}", hint="Correct it.") from exc
    takes = networks.entry(config.model.architecture).task
    if takes != config.task:
        raise ConfigError(
            f"{path.name}: the network {config.model.architecture} takes {takes}, the task is {config.task}.",
            hint=f"Networks for it: {', '.join(networks.names(config.task))}.",
        )
    _refuse_unused(config, path.name)
    unknown = sorted(set(config.fakes) - methods(config.task))
    if unknown:
        raise ConfigError(
            f"{path.name}: there is no pseudo-fake {', '.join(unknown)}.",
            hint=f"There are: {', '.join(sorted(methods(config.task)))}.",
        )
    return config


def _refuse_unused(config: TaskConfig, name: str) -> None:
    """Settings of single faces that nothing here heeds."""
    model, optim = config.model, config.optim
    given = {
        "model.start": model.start not in ("scratch", "checkpoint"),
        "model.teachers": bool(model.teachers),
        "model.drop_rate": model.drop_rate > 0 or model.drop_path_rate > 0,
        "optim.map_weight": optim.map_weight > 0,
        "optim.distil": optim.distil > 0,
        "optim.augment": optim.augment > 0 and config.task != "clip",
    }
    if any(given.values()):
        names = ", ".join(key for key, value in given.items() if value)
        raise ConfigError(f"{name}: {names} is for single faces.", hint="Leave it out; see 'options'.")


def methods(task: Task) -> set[str]:
    """Names that ``fakes`` of a task may hold."""
    if task == "audio":
        from core.training.data.audio import RECORDED
        from core.training.fakes.speech import all_speech_fakes

        return {*all_speech_fakes(), RECORDED}
    from core.training.fakes.clips import all_clip_fakes

    return set(all_clip_fakes())


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a task is trained on and chosen by, and where its reals come from."""

    pairs: PairData
    validation: ValidationSet
    rows: tuple[CropRow, ...]
    licences: dict[str, str]


def prepare(config: TaskConfig, data: Path, store: Path, bank: Path) -> Material:
    """Cut what is missing in ``store`` and divide it by the split file of ``config``. Pairs are kept below ``bank``
    where the file asks for that."""
    if config.task == "audio":
        from core.training.audio_task import prepare_audio

        heard = prepare_audio(config, data, store)
        return replace(heard, pairs=kept(heard.pairs, config, bank / bank_key(config, heard.rows)))
    from core.training.clip_task import prepare_clips

    return prepare_clips(config, data, store, bank)


def kept(pairs: PairData, config: TaskConfig, folder: Path) -> PairData:
    """``pairs``, kept in ``folder`` where the file asks for a bank."""
    return Kept(pairs, folder, config.data.bank_epochs) if config.data.bank_epochs else pairs


def network_input(batch: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """Clips uint8[N, T, S, S, 3] to float32[N, T, 3, S, S] by the mean and std of ``spec``; embeddings and samples are
    taken as they are."""
    if batch.ndim < 4:
        return batch.float()
    mean = torch.tensor(spec.mean, device=batch.device)
    std = torch.tensor(spec.std, device=batch.device)
    return ((batch.float() / 255.0 - mean) / std).movedim(-1, -3)


class TaskTrainer(Trainer):
    """The trainer of single faces over another network and input."""

    config: TaskConfig

    def _network(self) -> nn.Module:
        net = networks.build(self.config.model.architecture, **_options(self.config))
        start(net, self.config.model)
        return net

    def _input(self, batch: torch.Tensor) -> torch.Tensor:
        return network_input(batch, self.config.input)


def _options(config: TaskConfig) -> dict[str, Any]:
    """The network's options; a trunk's file is looked for below the program's folder."""
    file = config.options.get("trunk_file")
    return config.options if file is None else config.options | {"trunk_file": str(ROOT / file)}


def train_task(config: TaskConfig, material: Material, folder: Path, *, resume: bool = True) -> Path:
    """Train ``config``; returns the best weights (float32 safetensors)."""
    torch.set_num_threads(config.threads)
    log.info("%d windows or voices, %d to choose by", len(material.rows), len(material.validation.fake))
    folder.mkdir(parents=True, exist_ok=True)
    facts = describe(material.rows, material.licences, _WHAT[config.task])
    (folder / "data.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

    def work(team: Team) -> None:
        trainer = TaskTrainer(config, material.pairs, material.validation, folder, team=team)
        if resume:
            trainer.resume()
        trainer.run()

    together(config.processes, work)
    return folder / "best.safetensors"


def bank_key(config: TaskConfig, rows: tuple[CropRow, ...]) -> str:
    """What decides the pairs, hashed."""
    spec = config.input.model_dump(exclude=set() if config.task == "embedding" else {"mean", "std"})
    clip = config.clip.model_dump(mode="json", exclude={"looks"})
    values = {
        "task": (config.task, config.frame_detector, config.samples, clip),
        "data": config.data.model_dump(mode="json", exclude={"workers", "bank_epochs"}),
        "made": (config.fakes, config.nuisance.model_dump(), spec, config.optim.pairs_per_epoch),
        "rows": [f"{row.sha256}{row.t_s}" for row in rows],
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def run(path: Path, *, data: Path, out: Path, store: Path, resume: bool = True) -> Path:
    """Train the file of a task; arguments as :func:`core.training.cli_api.run`."""
    config = read_task(path)
    return train_task(config, prepare(config, data, store, out.parent / "bank"), out, resume=resume)
