"""From a data root to what networks of sound are trained on."""

from __future__ import annotations

import zlib
from pathlib import Path

from core.errors import ConfigError
from core.training.data.audio import AudioPairs, copy_methods, make_audio_validation
from core.training.data.manifest import Item, read_manifest
from core.training.data.splits import load_or_make
from core.training.data.voices import Voice, build
from core.training.prepare import SPLITS
from core.training.tasks import Material, TaskConfig
from core.training.tts import FOLDER


def prepare_audio(config: TaskConfig, data: Path, store: Path, splits: Path = SPLITS) -> Material:
    """Voices of the training split, real and recorded fakes, divided by speaker, and pairs made of them.

    Raises:
        ConfigError: no real voice is left to train on or to choose by.
    """
    train, held, licences = divided(config, data, store, splits)
    pairs = AudioPairs(train, config, config.samples)
    validation = make_audio_validation(held, config, config.samples)
    return Material(pairs, validation, tuple(v.row for v in train), licences)


def divided(
    config: TaskConfig, data: Path, store: Path, splits: Path = SPLITS, *, copies: bool = True
) -> tuple[list[Voice], list[Voice], dict[str, str]]:
    """The voices to train on, those to choose by, and licences by source; real clips lend their sound.

    Args:
        copies: also make the fakes that ``config`` asks for.

    Raises:
        ConfigError: as :func:`prepare_audio`.
    """
    cfg = config.data
    items = [i for i in read_manifest(data, modalities=("audio", "video")) if i.split == "train" and _voice(i)]
    voices = build(data, items, store, copy_methods(config) if copies else (), processes=config.processes)
    split = load_or_make(splits / cfg.split_file, [v.row for v in voices], cfg.validation_share, cfg.split_seed)
    spoken = _spoken(store)
    train = [v for v in voices if split[v.row.sha256] == "train"] + [v for v in spoken if not _held(v)]
    held = [v for v in voices if split[v.row.sha256] == "val"] + [v for v in spoken if _held(v)]
    if not any(not v.row.fake for v in held):
        raise ConfigError("The split leaves no real voice to choose by.", hint="Remove the split file to draw anew.")
    licences = {item.source: item.licence.split(": ", 1)[-1] for item in items} | {FOLDER: "licences of the engines"}
    return train, held, licences


def _voice(item: Item) -> bool:
    return item.modality == "audio" or not item.fake


def _spoken(store: Path) -> list[Voice]:
    """What text-to-speech engines read out for training (:mod:`core.training.tts`); none where nobody asked them."""
    folder = store / FOLDER
    if not (folder / "manifest.csv").is_file():
        return []
    items = [i for i in read_manifest(folder, modalities=("audio",)) if i.split == "train"]
    return build(folder, items, store, ())


def _held(voice: Voice) -> bool:
    """Whether a voice of an engine is one to choose by: a sixth of them, whatever version of the engine speaks."""
    return zlib.crc32(voice.row.identity.encode()) % 6 == 0
