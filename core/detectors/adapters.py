"""Networks of others by a card alone: any network of timm, and any picture classifier of transformers.

The card's ``options`` say which output is fake. Nothing is downloaded and no code of a model's folder is run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, TypeVar

import timm
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.detectors.network import NetworkDetector
from core.errors import ConfigError, WeightsError
from core.registry import Card
from core.weights.files import companion
from core.weights.keymap import key_map
from core.weights.keys import audit, load_strictly
from core.weights.states import State, read_state

# What would make timm fetch or open files by itself.
_FETCHING = {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "scriptable"}
_CONFIG = "config.json"


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimmOptions(_Options):
    """``outputs`` of the network's head. ``fake`` is the class that is fake; of one output, 1 where its sigmoid is
    P(fake) and 0 where it is P(real). ``network`` are further arguments of the network."""

    outputs: Literal[1, 2] = 2
    fake: Literal[0, 1]
    network: dict[str, Any] = Field(default_factory=dict)


class TransformersOptions(_Options):
    """The class that is fake, by its place or by its name in the model's ``id2label``. A model with one output says
    P(fake) where ``fake_index`` is 1, P(real) where it is 0."""

    fake_index: int | None = Field(default=None, ge=0)
    fake_label: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> TransformersOptions:
        if (self.fake_index is None) == (self.fake_label is None):
            raise ValueError("give either fake_index or fake_label")
        return self


_Known = TypeVar("_Known", bound=_Options)


def _options(card: Card, kind: type[_Known]) -> _Known:
    try:
        return kind.model_validate(card.options)
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(str(part) for part in ("options", *first["loc"]))
        raise ConfigError(
            f"The card of {card.title} is wrong at {name}: {first['msg']}.",
            hint=f"Correct configs/detectors/{card.id}.yaml.",
        ) from exc


def fake_against_rest(outputs: torch.Tensor, fake: int) -> torch.Tensor:
    """Logits float[N] whose sigmoid is the softmax of class ``fake``; of one output [N, 1], itself or its negative."""
    if outputs.shape[1] == 1:
        return outputs[:, 0] if fake == 1 else -outputs[:, 0]
    rest = [i for i in range(outputs.shape[1]) if i != fake]
    return outputs[:, fake] - outputs[:, rest].logsumexp(dim=1)


class TimmDetector(NetworkDetector):
    """The timm network that the card's ``architecture`` names, with one or two outputs (:class:`TimmOptions`)."""

    def build(self) -> torch.nn.Module:
        self.options = _options(self.card, TimmOptions)
        name = self.card.architecture
        if not timm.is_model(name):
            close = timm.list_models(f"*{name.split('_')[0]}*")[:5]
            raise ConfigError(
                f"timm has no network '{name}'.", hint=f"Similar ones: {', '.join(close)}." if close else "See timm."
            )
        if unsafe := sorted(self.options.network.keys() & _FETCHING):
            raise ConfigError(
                f"The card of {self.card.title} may not set {', '.join(unsafe)}: nothing is downloaded or opened here.",
                hint="Name the file under weights instead.",
            )
        try:
            net: torch.nn.Module = timm.create_model(
                name, pretrained=False, num_classes=self.options.outputs, **self.options.network
            )
        except (TypeError, ValueError, RuntimeError, AssertionError) as exc:
            raise ConfigError(
                f"The network '{name}' cannot be built: {exc}.", hint="Correct options.network on the card."
            ) from exc
        return net

    def fake_logit(self, outputs: torch.Tensor) -> torch.Tensor:
        return fake_against_rest(outputs, self.options.fake)


class TransformersDetector(NetworkDetector):
    """A folder as transformers saves it: the card's main file holds the weights, its further file is ``config.json``
    (:class:`TransformersOptions`)."""

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.options = _options(card, TransformersOptions)
        self._config = _read_config(companion(card, weights, _CONFIG))
        self.fake = _fake_class(card, self.options, self._config)
        super().__init__(card, weights, device)

    def build(self) -> torch.nn.Module:
        from transformers import AutoModelForImageClassification

        try:
            net: torch.nn.Module = AutoModelForImageClassification.from_config(self._config, dtype=torch.float32)
        except (ValueError, TypeError, KeyError, ImportError, RuntimeError) as exc:
            raise ConfigError(
                f"transformers cannot build a picture classifier of kind '{self._config.model_type}'.",
                hint="Only models that AutoModelForImageClassification knows can be used.",
            ) from exc
        return net

    def fill(self, weights: Path) -> None:
        names = key_map(self.card.weights.key_map)
        state = read_state(weights, names.root if self.card.weights.key_map else None)
        if self.card.weights.key_map or audit(state, self.network, names).ok:
            load_strictly(self.network, state, weights.name, names)
        else:
            self.network = _translated(type(self.network), self._config, state, weights.name)

    def fake_logit(self, outputs: Any) -> torch.Tensor:
        return fake_against_rest(outputs.logits, self.fake)


def _read_config(path: Path) -> Any:
    from transformers import AutoConfig

    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        kind = settings.pop("model_type")
        for name in ("auto_map", "quantization_config", "_name_or_path", "use_pretrained_backbone"):
            settings.pop(name, None)
        return AutoConfig.for_model(kind, **settings)
    except Exception as exc:  # whatever its checks of the values raise
        raise WeightsError(
            f"The file {path.name} describes no model that transformers knows.",
            hint="It has to be the config.json that was saved with the weights, and no model with code of its own.",
        ) from exc


def _fake_class(card: Card, options: TransformersOptions, config: Any) -> int:
    """The index of the class that is fake."""
    labels = {int(index): str(label) for index, label in config.id2label.items()}
    outputs = max(1, len(labels))
    if options.fake_label is not None:
        found = [index for index, label in labels.items() if label.casefold() == options.fake_label.casefold()]
        if len(found) == 1 and outputs > 1:
            return found[0]
    elif options.fake_index is not None and options.fake_index < max(2, outputs):
        return options.fake_index
    named = ", ".join(f"{index}: {label}" for index, label in sorted(labels.items()))
    raise ConfigError(
        f"The card of {card.title} names a class that its model does not have.",
        hint=f"Its classes are {named}. Give options.fake_index or options.fake_label.",
    )


def _translated(kind: type, config: Any, state: State, file: str) -> torch.nn.Module:
    """Let transformers translate the names of its earlier versions; anything left over is refused all the same."""
    try:
        # Sizes that differ are reported with the rest instead of raising without their names.
        network, found = kind.from_pretrained(  # type: ignore[attr-defined]
            None, config=config, state_dict=state, output_loading_info=True, ignore_mismatched_sizes=True
        )
    except (RuntimeError, ValueError, KeyError, OSError) as exc:
        raise _misfit(file, str(exc).splitlines()[0]) from exc
    names = {
        "missing": sorted(found["missing_keys"]),
        "unexpected": sorted(found["unexpected_keys"]),
        "wrong shape": sorted(str(item[0]) for item in found["mismatched_keys"]),
        "error": list(found["error_msgs"]),
    }
    faults = [f"{what}: {', '.join(keys[:5])} ({len(keys)} in all)" for what, keys in names.items() if keys]
    if faults:
        raise _misfit(file, "; ".join(faults))
    net: torch.nn.Module = network
    return net


def _misfit(file: str, faults: str) -> WeightsError:
    return WeightsError(
        f"The file {file} does not fit its network: {faults}.",
        hint="Use the weights that were saved with this config.json, or give the card a key map.",
    )
