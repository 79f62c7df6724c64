"""A fixed set of real and forged faces of held-out identities, made once per run from a seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from core.training import metrics
from core.training.config import TrainConfig
from core.training.data.crops import Crops
from core.training.data.pairs import Drawer, make_fake, to_input
from core.training.nuisance import degrade
from core.training.robustness import one_strong
from core.types import RGB

Look = Callable[[np.random.Generator, RGB], RGB]
FRAMES_PER_CLIP = 6


@dataclass(frozen=True, slots=True, eq=False)
class ValidationSet:
    """``pixels`` uint8[N, S, S, 3], ``fake`` bool[N], and method, source and identity of each."""

    pixels: npt.NDArray[np.uint8]
    fake: npt.NDArray[np.bool_]
    method: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    identity: npt.NDArray[np.str_]

    def report(self, logit: npt.NDArray[np.float64]) -> dict[str, float]:
        """AUC over all, and of each method against all reals."""
        facts = {"auc": round(metrics.auc(self.fake, logit), 4)}
        for name in sorted(set(self.method[self.fake].tolist())):
            chosen = ~self.fake | (self.method == name)
            facts[f"auc/{name}"] = round(metrics.auc(self.fake[chosen], logit[chosen]), 4)
        return facts


def spaced(crops: Crops, per_clip: int = FRAMES_PER_CLIP) -> list[int]:
    """All stills and ``per_clip`` spaced frames of each clip."""
    by_file: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(crops.rows):
        by_file[row.sha256].append(i)
    chosen: list[int] = []
    for indices in by_file.values():
        step = max(1, len(indices) // per_clip)
        chosen.extend(indices[step // 2 :: step][:per_clip])
    return sorted(chosen)


def _as_it_is(_: np.random.Generator, rgb: RGB) -> RGB:
    return rgb


def make_validation(
    crops: Crops,
    config: TrainConfig,
    *,
    seed: int = 1,
    methods: tuple[str, ...] | None = None,
    strength: float = 0.6,
    worn: bool = False,
) -> ValidationSet:
    """Each picture once real and once forged, methods in turn, half of the pairs degraded alike.

    Args:
        methods: pseudo-fakes to use; all of ``config`` by default.
        strength: of the nuisances.
        worn: every pair stands there once more, through one strong nuisance (:func:`one_strong`).
    """
    names = tuple(sorted(config.fakes)) if methods is None else methods
    drawer = Drawer(crops, config.data.source_weights, config.data.other_weight)
    pixels, fake, method, rows = [], [], [], []
    for number, index in enumerate(spaced(crops)):
        rng = np.random.default_rng((seed, number))
        name = names[number % len(names)]
        face, forged = make_fake(rng, crops, index, name, drawer)
        noise_seed = int(rng.integers(2**63))
        hard = rng.random() < 0.5
        looks: list[Look] = [partial(degrade, strength=strength) if hard else _as_it_is]
        looks += [one_strong] if worn else []
        pair = ((face.pixels, False), (forged, True))
        shown = [(look(np.random.default_rng(noise_seed), image), is_fake) for look in looks for image, is_fake in pair]
        for image, is_fake in shown:
            pixels.append(to_input(image, face.landmarks, config.input))
            fake.append(is_fake)
            method.append(name if is_fake else "pristine")
            rows.append(crops.rows[index])
    return ValidationSet(
        np.stack(pixels),
        np.asarray(fake),
        np.asarray(method),
        np.asarray([row.source for row in rows]),
        np.asarray([row.identity for row in rows]),
    )
