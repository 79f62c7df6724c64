"""From a data root to what networks of clips and of frame embeddings are trained on."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.errors import ConfigError
from core.networks.embed import FrameEmbedder
from core.training.clip_sets import at_cut, for_input, validation_set
from core.training.data.clips import ClipPairs, Shrunk
from core.training.data.embeddings import Embed, EmbeddedPairs, embedded_validation
from core.training.data.manifest import read_manifest
from core.training.data.splits import load_or_make
from core.training.data.tracks import build
from core.training.prepare import SPLITS
from core.training.tasks import Material, TaskConfig, bank_key, kept, network_input

log = logging.getLogger(__name__)


def prepare_clips(config: TaskConfig, data: Path, store: Path, bank: Path, splits: Path = SPLITS) -> Material:
    """Windows of the real clips of the training split, divided by the split file, and pairs made of them.

    Pairs are kept as they are cut (``input.via``), so that networks of several sizes share them.

    Raises:
        ConfigError: nobody is left to train on or to choose by, or no frame detector is named where one is needed.
    """
    cfg, clip = config.data, config.clip
    items = [i for i in read_manifest(data, modalities=("video",)) if i.split == "train" and not i.fake]
    windows = build(data, items, store, windows=clip.windows, length=clip.length)
    split = load_or_make(splits / cfg.split_file, [w.row for w in windows], cfg.validation_share, cfg.split_seed)
    train = [w for w in windows if split[w.row.sha256] == "train"]
    held = [w for w in windows if split[w.row.sha256] == "val"]
    if not train or not held:
        raise ConfigError("The split leaves no clip on one side.", hint="Remove the split file to draw a new one.")
    rows = tuple(w.row for w in train)
    whole = at_cut(config)
    made = ClipPairs(train, whole, clip.frames, clip.strides)
    pairs = kept(made, config, bank / bank_key(whole.model_copy(update={"task": "clip", "frame_detector": None}), rows))
    validation = for_input(validation_set(held, config, store), config.input)
    if config.task == "embedding":
        embed = frame_embedder(config)
        pairs = kept(EmbeddedPairs(pairs, embed), config, bank / bank_key(config, rows))
        validation = embedded_validation(validation, embed)
    elif config.input.via is not None:
        pairs = Shrunk(pairs, config.input)
    licences = {item.source: item.licence.split(": ", 1)[-1] for item in items}
    return Material(pairs, validation, rows, licences)


def frame_embedder(config: TaskConfig) -> Embed:
    """Embeddings and logits of frames by the detector that ``config`` names.

    Raises:
        ConfigError: none is named, or it looks at another crop.
        WeightsError: its weights are missing or not those of its card.
    """
    from core.detectors.timm_frame import TimmFrameDetector
    from core.registry import card
    from core.settings import Settings
    from core.weights.files import verified

    if config.frame_detector is None:
        raise ConfigError("The task needs a frame_detector.", hint="Name a shipped frame detector in the file.")
    known = card(config.frame_detector)
    if known.input != config.input:
        raise ConfigError(f"The detector {known.id} looks at another input.", hint="Copy its input into the file.")
    net = FrameEmbedder(TimmFrameDetector(known, verified(known, Settings()), "cpu").network)

    def embed(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(net(network_input(torch.from_numpy(np.ascontiguousarray(frames)), known.input)))

    return embed
