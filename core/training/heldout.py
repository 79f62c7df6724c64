"""Material to measure on: people of the training split that were never trained on, and a bounded number of pictures.

What is made here depends on the split and on seeds alone, never on the detector, so that all detectors answer the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError, NotFoundError
from core.registry import InputSpec
from core.training.config import TrainConfig
from core.training.data.crops import Crops, build
from core.training.data.manifest import Item, read_manifest
from core.training.data.pairs import Drawer, make_fake, to_input
from core.training.prepare import SPLITS, complete
from core.training.validation import ValidationSet, make_validation, spaced
from core.types import RGB

HELD_OUT_SEED = 3
# Pairs of each pseudo-fake method, pairs behind each robustness curve, real pictures that are compressed.
PAIRS_PER_METHOD = 150
CURVE_PAIRS = 60
COMPRESSED = 300


def neutral(config: TrainConfig, spec: InputSpec) -> TrainConfig:
    """``config`` for measuring: the detector's input, and no preference for sources."""
    even = config.data.model_copy(update={"source_weights": {}, "other_weight": 1.0})
    return config.model_copy(update={"data": even, "input": spec})


def held_out_items(config: TrainConfig, data: Path, splits: Path = SPLITS) -> list[Item]:
    """Real files of the identities that the split file keeps for validation.

    Raises:
        NotFoundError: the split file is missing.
        ConfigError: it holds something else.
    """
    path = splits / config.data.split_file
    try:
        split = json.loads(path.read_text(encoding="utf-8"))["files"]
    except OSError as exc:
        raise NotFoundError(f"There is no split file {path.name}.", hint="Training writes it: train first.") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise ConfigError(f"{path.name} is not a split file.", hint="Restore it from the repository.") from exc
    return [i for i in read_manifest(data) if i.split == "train" and not i.fake and split.get(i.sha256) == "val"]


def held_out(config: TrainConfig, data: Path, store: Path) -> Crops:
    """Crops of the held-out identities, those left out whose face reaches over the edge of its picture."""
    crops = build(data, held_out_items(config, data), store, frames=config.data.frames_per_clip)
    return crops.take(complete(crops))


def thinned(crops: Crops, count: int) -> Crops:
    """At most ``count`` of the spaced pictures, evenly spread over the collection."""
    return crops.take(evenly(spaced(crops), count))


def evenly(values: Sequence[int], count: int) -> list[int]:
    """``count`` of ``values`` at even distances, or all if there are fewer."""
    if len(values) <= count:
        return list(values)
    return [values[round(i)] for i in np.linspace(0, len(values) - 1, count).tolist()]


def held_out_sets(crops: Crops, config: TrainConfig, methods: Sequence[str]) -> dict[str, ValidationSet]:
    """For each method the same real pictures, each once real and once forged by it."""
    few = thinned(crops, PAIRS_PER_METHOD)
    return {m: make_validation(few, config, seed=HELD_OUT_SEED, methods=(m,)) for m in methods}


@dataclass(frozen=True, slots=True, eq=False)
class CurvePictures:
    """Faces at their own resolution, real and forged in turn, for robustness curves."""

    pictures: tuple[RGB, ...]
    landmarks: tuple[npt.NDArray[np.float32], ...]
    fake: npt.NDArray[np.bool_]
    identity: tuple[str, ...]

    def cut(self, rgb: RGB, number: int, spec: InputSpec) -> RGB:
        """The detector's input of picture ``number``, after it was changed to ``rgb``."""
        return to_input(rgb, self.landmarks[number], spec)


def curve_pictures(
    crops: Crops, config: TrainConfig, methods: Sequence[str], count: int = CURVE_PAIRS
) -> CurvePictures:
    """``count`` real faces and a fake of each, methods in turn."""
    drawer = Drawer(crops, config.data.source_weights, config.data.other_weight)
    pictures: list[RGB] = []
    landmarks, fake, identity = [], [], []
    for number, index in enumerate(evenly(spaced(crops), count)):
        rng = np.random.default_rng((HELD_OUT_SEED, 1, number))
        face, forged = make_fake(rng, crops, index, methods[number % len(methods)], drawer)
        for image, is_fake in ((face.pixels, False), (forged, True)):
            pictures.append(image)
            landmarks.append(face.landmarks)
            fake.append(is_fake)
            identity.append(crops.rows[index].identity)
    return CurvePictures(tuple(pictures), tuple(landmarks), np.asarray(fake), tuple(identity))


def real_files(config: TrainConfig, data: Path, count: int = COMPRESSED, frames: int = 4) -> list[Item]:
    """Real files that nothing was trained on: all of ``test`` and, evenly spread, those of held-out people, together at
    most about ``count`` pictures (a clip counts ``frames``)."""
    test = [i for i in read_manifest(data) if i.split == "test" and not i.fake]
    people = held_out_items(config, data)
    cost = {"image": 1, "video": frames}
    room = max(0, count - sum(cost[i.modality] for i in test))
    mean = sum(cost[i.modality] for i in people) / max(len(people), 1)
    kept = evenly(range(len(people)), int(room / max(mean, 1.0)))
    return test + [people[i] for i in kept]
