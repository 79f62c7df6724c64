"""From a data root to what a run needs: crops of the training split, divided by identity."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from core.settings import CONFIGS
from core.training.config import TrainConfig
from core.training.data.crops import Crops, build
from core.training.data.manifest import read_manifest
from core.training.data.splits import load_or_make
from core.training.fakes.geometry import outline, region_mask

log = logging.getLogger(__name__)
SPLITS = CONFIGS / "training" / "splits"


MAX_OUTSIDE = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Crops to train on, crops of other identities to choose by, and the licence of each source."""

    train: Crops
    validation: Crops
    licences: dict[str, str]


def complete(crops: Crops) -> list[int]:
    """Those crops whose face lies inside the picture: at most 8 % of the face outline is black."""
    chosen = []
    for i, row in enumerate(crops.rows):
        inside = region_mask(crops.pixels[i].shape, outline(row.landmarks, "face")) > 0
        if float((crops.pixels[i][inside].max(axis=1) == 0).mean()) <= MAX_OUTSIDE:
            chosen.append(i)
    return chosen


def prepare(config: TrainConfig, data: Path, store: Path) -> Prepared:
    """Cut the real faces of the training split (once) and divide them by the split file of ``config``."""
    items = [item for item in read_manifest(data) if item.split == "train" and not item.fake]
    crops = build(data, items, store, frames=config.data.frames_per_clip)
    whole = complete(crops)
    log.info("%d of %d faces lie inside their picture", len(whole), len(crops))
    licences = {item.source: item.licence.split(": ", 1)[-1] for item in items}
    cfg = config.data
    split = load_or_make(SPLITS / cfg.split_file, crops.rows, cfg.validation_share, cfg.split_seed)
    train = [i for i in whole if split[crops.rows[i].sha256] == "train"]
    validation = [i for i in whole if split[crops.rows[i].sha256] == "val"]
    return Prepared(crops.take(train), crops.take(validation), licences)
