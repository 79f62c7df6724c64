"""Detectors and ensembles by name: cards are read from ``configs``, classes are imported only when needed."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import ConfigError, NotFoundError
from core.settings import CONFIGS
from core.types import Modality, Thresholds


class _CardPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(_CardPart):
    """How a detector wants to be fed; the pipeline adapts to it.

    ``size`` is the side of the square input in px. ``crop`` names a rule of :mod:`core.faces.align`; where ``via`` is
    given, it cuts at that size, and the result is resized. ``mean`` and ``std`` apply to RGB in [0, 1].
    """

    size: int = Field(gt=0)
    crop: Literal["aligned", "box", "stretched", "whole"] = "aligned"
    scale: float = Field(default=1.3, gt=0)
    resize: Literal["bicubic", "bilinear", "area", "antialiased"] = "area"
    via: int | None = Field(default=None, gt=0)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


class AudioSpec(_CardPart):
    """How a detector that listens wants to be fed: mono windows of ``samples`` at ``sample_rate`` Hz.

    Shorter sound is repeated (``tile``) or followed by silence (``zero``). ``scale`` says whether the whole recording
    is first divided by its largest magnitude. Neighbouring windows of longer sound share ``overlap`` of their length.
    """

    sample_rate: int = Field(default=16_000, gt=0)
    samples: int = Field(gt=0)
    pad: Literal["tile", "zero"] = "tile"
    scale: Literal["none", "peak"] = "none"
    overlap: float = Field(default=0.5, ge=0.0, lt=1.0)


class ClipSpec(_CardPart):
    """How a detector that looks at a face over time wants to be fed: at most ``windows`` of a person, spread over the
    time that person is seen, each of ``frames`` crops that lie ``stride`` steps of 1/25 s apart (of one frame where a
    clip has fewer than 25 a second).

    ``frame_detector`` is the id of the detector whose embeddings and logits of the crops it reads; that one's weights
    are among ``weights.more``. None where it looks at the crops themselves.
    """

    frames: int = Field(ge=2)
    stride: int = Field(default=1, ge=1)
    windows: int = Field(default=6, ge=1)
    frame_detector: str | None = None


class WeightsFile(_CardPart):
    """A further file of a detector whose weights lie in more than one; fields as in :class:`WeightsSpec`."""

    file: str
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    size_bytes: int = Field(gt=0)
    url: str | None = None
    urls: tuple[str, ...] = ()


class WeightsSpec(_CardPart):
    """The file a detector needs. ``sha256`` is checked before it is opened; it is "" where nobody has published it:
    then the file is refused until the user vouches for it, and ``size_bytes`` is only about right.

    ``urls`` are further addresses of the same file. ``non_commercial`` licences must be accepted before a download.
    ``key_map`` names a file of ``configs/keymaps`` (:mod:`core.weights.keymap`).
    """

    file: str
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    size_bytes: int = Field(gt=0)
    licence: str
    trained_on: str
    how_to_get: str = Field(description="command that downloads or trains the file")
    url: str | None = None
    urls: tuple[str, ...] = ()
    non_commercial: bool = False
    format: Literal["safetensors", "pytorch", "keras-h5", "onnx", "tflite"] = "safetensors"
    key_map: str | None = None
    more: tuple[WeightsFile, ...] = ()


class QualityFit(_CardPart):
    """Platt scaling of inputs of one quality bin."""

    a: float
    b: float
    n_real: int = Field(ge=50)
    n_fake: int = Field(ge=50)


class Calibration(_CardPart):
    """Platt scaling fitted on held-out data: P = sigmoid(a * logit + b). ``n`` real and fake items behind it.

    ``people`` is told where these items show few identities: windows of one person are much alike.
    ``by_quality`` replaces a and b for inputs of those bins of :mod:`core.fusion.quality`.
    """

    a: float
    b: float
    n_real: int = Field(ge=50)
    n_fake: int = Field(ge=50)
    people: int | None = Field(default=None, ge=1)
    ece: float
    fit_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    by_quality: dict[str, QualityFit] | None = None

    @property
    def name(self) -> str:
        people = f" of {self.people} people" if self.people else ""
        return f"Platt, n={self.n_real + self.n_fake}{people}, ECE {self.ece:.3f}, fit {self.fit_sha256[:8]}"


class Metric(_CardPart):
    """One measured figure with its data set, n, 95 % interval and the command that prints it."""

    name: str
    value: float
    low: float
    high: float
    n: int = Field(gt=0)
    dataset: str
    command: str


class CardLimits(_CardPart):
    """Below these the detector answers "not applicable"."""

    min_face_px: float = 40.0


class Golden(_CardPart):
    """A fixed input (``seed`` of a generator named in the tests) and the raw logit it must give."""

    seed: int
    logit: float
    tolerance: float = 1e-3


class Card(_CardPart):
    """Everything known about a detector (``configs/detectors/<id>.yaml``).

    ``input`` may be left out where ``audio`` is given; then it means nothing.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    family: str
    modality: Modality
    implementation: str = Field(pattern=r"^[\w.]+:\w+$", description="module:Class")
    architecture: str = Field(description="network name, e.g. a timm model")
    options: dict[str, Any] = Field(default_factory=dict, description="what the implementation wants to know besides")
    summary: str
    input: InputSpec = InputSpec(size=1, crop="whole")
    audio: AudioSpec | None = None
    clip: ClipSpec | None = None
    weights: WeightsSpec
    calibration: Calibration | None = None
    reported: dict[str, str] = Field(default_factory=dict)
    measured: tuple[Metric, ...] = ()
    limits: CardLimits = CardLimits()
    golden: Golden | None = None

    @model_validator(mode="after")
    def _fed(self) -> Card:
        if self.audio is None and "input" not in self.model_fields_set:
            raise ValueError("a card needs input, audio, or both")
        return self


class Member(_CardPart):
    detector: str
    weight: float = Field(default=1.0, gt=0)


class ThresholdFit(_CardPart):
    """What thresholds were fitted on: items of the calibration split; at most ``false_alarms`` of the reals were
    called fake and ``alpha`` of the pseudo-fakes real. ``sha256`` is over members, weights and scores."""

    n_real: int = Field(ge=50)
    n_fake: int = Field(ge=50)
    false_alarms: float
    alpha: float
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Feature(_CardPart):
    """One input of a fusion: what it takes of member ``of``. ``p`` is its P(fake), ``mean``, ``max`` and ``p90`` are
    over its curve, ``count`` is how many pictures or windows it looked at, ``times`` a constant (parts of each)."""

    name: str
    of: str
    take: Literal["log_odds", "p", "mean", "max", "p90", "count"]
    times: int = Field(default=1, ge=1)


class EarlyExit(_CardPart):
    """Where ``detector``, asked first, gives every picture at most ``max_p_fake``, the members that look at pictures
    are not asked. It must be calibrated and must have seen at least ``pictures`` of a clip."""

    detector: str
    max_p_fake: float = Field(gt=0, lt=0.5)
    pictures: int = Field(default=8, ge=1)


class Ensemble(_CardPart):
    """A preset (``configs/ensembles/<id>.yaml``). ``gate``, ``logistic`` and ``parts`` need a fit
    (:mod:`core.fusion.fits`); without one they fuse by the weighted mean and say so. ``features`` are those of
    ``logistic`` and ``parts``, by default each member's log-odds."""

    id: str
    title: str
    summary: str
    members: tuple[Member, ...] = Field(min_length=1)
    fusion: Literal["weighted_mean", "gate", "logistic", "parts"] = "weighted_mean"
    features: tuple[Feature, ...] = ()
    early_exit: EarlyExit | None = None
    min_members: int = Field(default=1, ge=1)
    thresholds: dict[str, float]
    fit: ThresholdFit | None = None

    @field_validator("thresholds")
    @classmethod
    def _ordered(cls, value: dict[str, float]) -> dict[str, float]:
        if set(value) != {"fake", "real"}:
            raise ValueError("thresholds need 'fake' and 'real'")
        Thresholds(**value)
        return value

    @model_validator(mode="after")
    def _of_members(self) -> Ensemble:
        names = [m.detector for m in self.members]
        strangers = sorted({f.of for f in self.features} - set(names))
        if strangers:
            raise ValueError(f"features of {', '.join(strangers)}, who are no members")
        if self.early_exit is not None and self.early_exit.detector != names[0]:
            raise ValueError("the detector of early_exit must be the first member")
        return self

    @property
    def limits(self) -> Thresholds:
        return Thresholds(**self.thresholds)

    @property
    def asked(self) -> tuple[Feature, ...]:
        """The features that a fit is made on, in order."""
        return self.features or tuple(Feature(name=m.detector, of=m.detector, take="log_odds") for m in self.members)


_Model = TypeVar("_Model", bound=BaseModel)


def _read(path: Path, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as exc:
        raise ConfigError(f"The file {path.name} is wrong: {exc}", hint=f"Correct {path}.") from exc


def _lookup(kind: str, folder: Path, name: str) -> Path:
    path = folder / f"{name}.yaml"
    known = _names(folder)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"There are: {', '.join(known)}."
        raise NotFoundError(f"There is no {kind} called '{name}'.", hint=hint)
    return path


def _names(folder: Path) -> list[str]:
    return sorted(p.stem for p in folder.glob("*.yaml"))


def detector_ids() -> list[str]:
    return _names(CONFIGS / "detectors")


def ensemble_ids() -> list[str]:
    return _names(CONFIGS / "ensembles")


@lru_cache(maxsize=256)
def card(detector_id: str) -> Card:
    """The card of a detector.

    Raises:
        NotFoundError: no such detector; the hint suggests the closest name.
        ConfigError: the card does not validate.
    """
    return _read(_lookup("detector", CONFIGS / "detectors", detector_id), Card)


@lru_cache(maxsize=64)
def ensemble(ensemble_id: str) -> Ensemble:
    """A preset by name; errors as :func:`card`."""
    return _read(_lookup("preset", CONFIGS / "ensembles", ensemble_id), Ensemble)


def implementation(detector_card: Card) -> Any:
    """Import the class that a card names."""
    module, _, attribute = detector_card.implementation.partition(":")
    return getattr(importlib.import_module(module), attribute)


def member_cards(preset: Ensemble) -> Iterable[Card]:
    return (card(member.detector) for member in preset.members)


def smallest_face_px(preset: Ensemble) -> float:
    """Shorter side in px that a face needs for every member of ``preset`` to vote on it."""
    return max(c.limits.min_face_px for c in member_cards(preset))
