"""One training run: everything that decides its outcome, read from one YAML file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import ConfigError
from core.registry import InputSpec


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Part):
    """What is trained on. ``source_weights`` are drawing odds by source; clips not named share ``other_weight``."""

    frames_per_clip: int = Field(default=25, ge=1)
    validation_share: float = Field(default=0.1, gt=0, lt=0.5)
    split_seed: int = 7
    split_file: str = "face.json"
    source_weights: dict[str, float] = Field(default_factory=dict)
    other_weight: float = 1.0
    workers: int = Field(default=1, ge=0)
    seed: int = Field(default=1, description="of what is drawn and made: runs that share it can share a bank")
    bank_epochs: int = Field(default=0, ge=0, description="keep so many epochs of pairs on disk and go round; 0 = none")


class NuisanceConfig(_Part):
    strength: float = Field(default=1.0, ge=0, le=1)
    finish: float = Field(default=0.0, ge=0, le=1, description="share of inputs compressed after they were cut")
    video: float = Field(default=0.0, ge=0, le=1, description="how often compression is that of video frames")
    timing: float = Field(
        default=0.0, ge=0, le=1, description="share of clips whose frames are held, and whose light wobbles"
    )
    worn_reals: float = Field(
        default=0.0, ge=0, le=1, description="share of reals that go through one more chain, alone"
    )
    struck_reals: float = Field(default=0.0, ge=0, le=1, description="... through a single strong nuisance, alone")
    jitter_turn_deg: float = 6.0
    jitter_scale: float = 0.06
    jitter_shift: float = 0.03


class ModelConfig(_Part):
    """A timm network with one logit. ``start`` names where its weights begin."""

    architecture: str
    start: Literal["scratch", "imagenet-lite", "imagenet-mobilenetv2", "checkpoint"] = "scratch"
    start_file: str | None = None
    origin: Literal["scratch", "imagenet-lite", "imagenet-mobilenetv2"] = Field(
        default="scratch", description="what the start_file of a checkpoint began with"
    )
    teachers: tuple[str, ...] = Field(default=(), description="shipped detectors of the same input to distil from")
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0


class OptimConfig(_Part):
    epochs: int = Field(ge=1)
    pairs_per_epoch: int = Field(ge=1)
    pairs_per_batch: int = Field(default=16, ge=1)
    lr: float = Field(gt=0)
    weight_decay: float = 0.02
    warmup_steps: int = 100
    restart_epochs: int = Field(default=0, ge=0, description="cosine period; 0 = one period over all epochs")
    clip_norm: float = 5.0
    loss: Literal["bce", "focal"] = "bce"
    label_smoothing: float = Field(default=0.05, ge=0, lt=0.5)
    focal_gamma: float = 2.0
    augment: float = Field(default=0.0, ge=0, le=1, description="strength of core.training.augment")
    map_weight: float = Field(default=0.0, ge=0, description="weight of the loss that asks where the fake is")
    distil: float = Field(default=0.0, ge=0, le=1, description="share of the teachers' mean logit in the target")
    consistency: float = Field(default=0.0, ge=0, description="weight of the hinge between a real and its own fake")
    ema: float = Field(default=0.999, ge=0, lt=1)
    keep_start: float = Field(default=0.0, ge=0, lt=1, description="share of the weights it began with in the result")
    patience: int = Field(default=10, ge=1, description="epochs without a better validation AUC before it stops")


class TrainConfig(_Part):
    """``fakes`` are odds by method name of :mod:`core.training.fakes`."""

    id: str
    title: str
    summary: str
    seed: int = 0
    threads: int = Field(default=1, ge=1, description="of each process")
    processes: int = Field(default=1, ge=1, description="data-parallel copies: on a busy CPU better than threads")
    compile: bool = Field(default=False, description="torch.compile: a third faster on CPU, needs a C++ compiler")
    input: InputSpec
    data: DataConfig = DataConfig()
    fakes: dict[str, float]
    nuisance: NuisanceConfig = NuisanceConfig()
    model: ModelConfig
    optim: OptimConfig

    @model_validator(mode="after")
    def _can_keep(self) -> TrainConfig:
        if self.optim.keep_start and self.model.start != "checkpoint":
            raise ValueError("optim.keep_start keeps weights of model.start_file, so model.start must be checkpoint")
        return self

    @property
    def digest(self) -> str:
        """sha256 over the values, so that a checkpoint is only resumed by the run it belongs to."""
        return hashlib.sha256(
            self.model_dump_json(exclude={"threads", "compile", "title", "summary"}).encode()
        ).hexdigest()


def config_values(path: Path) -> dict[str, Any]:
    """The values of a file over those of the file beside it that it ``extends``."""
    values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    parent = values.pop("extends", None) if isinstance(values, dict) else None
    return values if parent is None else config_values(path.with_name(parent)) | values


def read_config(path: Path) -> TrainConfig:
    """Read and check a training configuration. ``extends`` names a file beside it whose other sections hold as well.

    Raises:
        ConfigError: the file is missing or wrong; the message names the field.
    """
    try:
        return TrainConfig.model_validate(config_values(path))
    except OSError as exc:
        raise ConfigError(f"The training file {path} cannot be read.", hint="See configs/training.") from exc
    except (ValidationError, yaml.YAMLError) as exc:
        raise ConfigError(
            f"The training file {path.name} is wrong: {exc}", hint="Correct it; docs/training.md."
        ) from exc
