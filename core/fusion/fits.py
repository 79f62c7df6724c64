"""What the fusion of a preset learned, as a file (``configs/fusion/<preset>.json``) that is checked before it is used.

A fit belongs to the very members that it was made with. Where one has other weights or another calibration it is not
used; a file that was changed, or holds other features or another order, gives no figure rather than a wrong one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import ConfigError
from core.fusion.votes import Part
from core.registry import Ensemble
from core.settings import CONFIGS
from core.types import Score, Status

FOLDER = CONFIGS / "fusion"
_SHA256 = r"^[0-9a-f]{64}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asked(_Part):
    """A member as it was when the fit was made: sha256 of its weights and the name of its calibration."""

    weights_sha256: str | None
    calibration: str | None


class GateFit(_Part):
    """Parameters of :class:`core.fusion.rules.Gate`: ``gate`` float[K, 2 K] and ``bias`` float[K] over ``members``,
    whose first K inputs are log-odds and whose last K say who is there."""

    kind: Literal["gate"] = "gate"
    members: tuple[str, ...] = Field(min_length=1)
    gate: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    scale: float = Field(gt=0)
    offset: float
    temperature: float = Field(gt=0)

    @model_validator(mode="after")
    def _shaped(self) -> GateFit:
        k = len(self.members)
        if len(self.gate) != k or len(self.bias) != k or any(len(row) != 2 * k for row in self.gate):
            raise ValueError("the gate does not have one row a member")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return self.members


class _LinearFit(_Part):
    """One of each list a feature; ``presence`` by member.

    Coefficients of figures that rise with P(fake) are never negative: more suspicion cannot make a medium look more
    genuine, and a fit of reversed polarity is refused.
    """

    features: tuple[str, ...] = Field(min_length=1)
    coefficients: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    presence: dict[str, float]
    temperature: float = Field(gt=0)

    @model_validator(mode="after")
    def _shaped(self) -> Self:
        n = len(self.features)
        if not n == len(self.coefficients) == len(self.mean) == len(self.deviation):
            raise ValueError("there must be one coefficient, mean and deviation a feature")
        if any(d <= 0 for d in self.deviation):
            raise ValueError("deviations must be above 0")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return self.features


class LogisticFit(_LinearFit):
    """Parameters of :class:`core.fusion.rules.Logistic`."""

    kind: Literal["logistic"] = "logistic"
    intercept: float


class PartsFit(_LinearFit):
    """Parameters of :class:`core.fusion.rules.Parts`; one intercept for each part that a member of the fit judges."""

    kind: Literal["parts"] = "parts"
    intercepts: dict[Part, float] = Field(min_length=1)


class FusionFit(_Part):
    """One fit and where it comes from.

    ``detectors`` are the members that it fuses, ``left_out`` those that it does not and why. ``n_real`` and ``n_fake``
    items of ``people`` people and speakers were fitted on; ``ece`` is cross-fitted by person. ``scores_sha256`` is over
    what the members said about them, ``sha256`` over everything else in this file.
    """

    preset: str
    rule: GateFit | LogisticFit | PartsFit = Field(discriminator="kind")
    detectors: dict[str, Asked]
    left_out: dict[str, str] = Field(default_factory=dict)
    n_real: int = Field(ge=50)
    n_fake: int = Field(ge=50)
    people: int = Field(ge=2)
    ece: float = Field(ge=0, le=1)
    scores_sha256: str = Field(pattern=_SHA256)
    sha256: str = Field(pattern=_SHA256)

    @property
    def name(self) -> str:
        return (
            f"{self.rule.kind}, T={self.rule.temperature:.2f}, n={self.n_real + self.n_fake}, ECE {self.ece:.3f}, "
            f"fit {self.sha256[:8]}"
        )


def seal(values: dict[str, Any]) -> FusionFit:
    """A fit from its values without ``sha256``, which is computed."""
    open_fit = FusionFit.model_validate(values | {"sha256": "0" * 64})
    return open_fit.model_copy(update={"sha256": _digest(open_fit.model_dump(mode="json"))})


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps({k: v for k, v in values.items() if k != "sha256"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def fit_path(preset_id: str, folder: Path = FOLDER) -> Path:
    return folder / f"{preset_id}.json"


def write_fit(fit: FusionFit, path: Path) -> None:
    """Write a fit; a crash leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(fit.model_dump_json(indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def read_fit(preset: Ensemble, folder: Path = FOLDER) -> FusionFit | None:
    """The fit of a preset; None where it has none or needs none.

    Raises:
        ConfigError: the file is damaged, was changed by hand, is of another preset or rule, or its features are others
            or in another order.
    """
    path = fit_path(preset.id, folder)
    if preset.fusion == "weighted_mean" or not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        fit = FusionFit.model_validate(values)
    except (OSError, ValueError, ValidationError) as exc:
        raise _void(preset, "its file is damaged") from exc
    if fit.sha256 != _digest(fit.model_dump(mode="json")):
        raise _void(preset, "its file was changed after the fit")
    _agrees(preset, fit)
    return fit


def _agrees(preset: Ensemble, fit: FusionFit) -> None:
    if fit.preset != preset.id or fit.rule.kind != preset.fusion:
        raise _void(preset, f"it is a fit of {fit.preset} by {fit.rule.kind}")
    kept = {m.detector for m in preset.members} - set(fit.left_out)
    asked = [f for f in preset.asked if f.of in kept]
    wanted = tuple(f.of if preset.fusion == "gate" else f.name for f in asked)
    if fit.rule.names != wanted:
        raise _void(preset, "its features are others, or in another order, than the preset's")
    if set(fit.detectors) != kept:
        raise _void(preset, "it was made with other members")
    if not isinstance(fit.rule, GateFit):
        if set(fit.rule.presence) != kept:
            raise _void(preset, "it was made with other members")
        rising = [w for f, w in zip(asked, fit.rule.coefficients, strict=True) if f.take != "count"]
        if min(rising, default=0.0) < 0:
            raise _void(preset, "a coefficient turns suspicion round")


def changed_members(fit: FusionFit, scores: Sequence[Score]) -> list[str]:
    """Titles of those that answered with other weights, or another calibration, than the fit was made with."""
    found: dict[str, None] = {}
    for score in scores:
        known = fit.detectors.get(score.detector)
        if score.status is not Status.OK or known is None:
            continue
        if (score.weights_sha256, score.calibration) != (known.weights_sha256, known.calibration):
            found[score.title] = None
    return list(found)


def fit_identity(preset: Ensemble, folder: Path = FOLDER) -> str | None:
    """What a result depends on of the preset's fit: sha256 of its file."""
    path = fit_path(preset.id, folder)
    if preset.fusion == "weighted_mean" or not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _void(preset: Ensemble, why: str) -> ConfigError:
    return ConfigError(
        f"The answers were not fused: the fit of the preset '{preset.id}' does not hold, because {why}.",
        hint=f"Fit it again: python -m core.cli fuse {preset.id}",
    )
