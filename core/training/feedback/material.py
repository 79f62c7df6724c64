"""Labelled media as faces to train on and to test with: near-duplicates stay on one side."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import WorkbenchError
from core.media.guard import identify
from core.review import REGION
from core.settings import Settings
from core.store.history import Store
from core.store.uploads import Uploads
from core.training.data.crops import Crops, build
from core.training.data.manifest import Item
from core.training.data.signatures import Hashes, near_pairs, signature
from core.training.feedback.consensus import Vote, capped, votes
from core.types import MediaKind

log = logging.getLogger(__name__)

FRAMES_PER_CLIP = 8
TEST_SHARE = 0.35
LEAST = 8
"""Media of each class that training and test need."""


class TooFewLabelsError(WorkbenchError):
    """Not enough labels for a training that could be judged."""

    code = "too_few_labels"


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Faces of labelled media; ``weight`` float[N] is how much each counts, ``test`` bool[N] which are only for
    measuring. ``group`` is equal for near-duplicates. ``votes`` holds also what was held back, and why."""

    crops: Crops
    weight: npt.NDArray[np.float64]
    test: npt.NDArray[np.bool_]
    group: npt.NDArray[np.str_]
    votes: tuple[Vote, ...]

    @property
    def fake(self) -> npt.NDArray[np.bool_]:
        return np.array([row.fake for row in self.crops.rows])


def gather(store: Store, settings: Settings, faces: Path, *, sole_reviewer: bool = False) -> Labelled:
    """Faces of all media whose labels may be used for training and whose file was kept.

    Args:
        faces: folder in which face crops are kept.
        sole_reviewer: accept that one person gave all labels.

    Raises:
        TooFewLabelsError: too few of a class for training and test.
    """
    found = votes(store.labels(consent=True))
    found = found if sole_reviewer else capped(found)
    used = [v for v in found if not v.held and v.weight > 0]
    items = [item for vote in used if (item := _item(vote, settings)) is not None]
    _enough(items, found)
    crops = build(Uploads(settings).folder, items, faces, frames=FRAMES_PER_CLIP)
    weight_of = {v.media_sha256: v.weight for v in used}
    weight = np.array([weight_of[row.sha256] for row in crops.rows])
    group = _groups(crops)
    test = divided(group, np.array([row.fake for row in crops.rows]))
    labelled = Labelled(crops, weight, test, group, tuple(found))
    _both_sides(labelled)
    return labelled


def _item(vote: Vote, settings: Settings) -> Item | None:
    path = Uploads(settings).path_of(vote.media_sha256)
    if path is None:
        return None
    try:
        kind = identify(path, settings.limits).kind
    except WorkbenchError as error:
        log.warning("a labelled file cannot be read: %s", error.message)
        return None
    if kind is MediaKind.AUDIO:
        return None
    methods = [tag for tag in vote.tags if not tag.startswith(REGION)]
    method = methods[0] if methods else ("labelled fake" if vote.fake else "pristine")
    sha256 = vote.media_sha256
    return Item(path.name, sha256, kind.value, vote.fake, method, "feedback", sha256, "train", "given for training")


def _groups(crops: Crops) -> npt.NDArray[np.str_]:
    """The file of each crop, the same for files that show nearly the same."""
    files = sorted({row.sha256 for row in crops.rows})
    root = {sha256: sha256 for sha256 in files}
    owners, hashes = [], []
    for pixels, row in zip(crops.pixels, crops.rows, strict=True):
        if (found := signature(pixels)) is not None:
            owners.append(files.index(row.sha256))
            hashes.append(found)
    packed: Hashes = np.array(hashes, dtype=np.uint64).reshape(-1, 2)
    for pair in near_pairs(owners, packed):
        keep, drop = root[files[pair.first]], root[files[pair.second]]
        root = {k: keep if v == drop else v for k, v in root.items()}
    return np.array([root[row.sha256] for row in crops.rows])


def divided(group: npt.NDArray[np.str_], fake: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which items are for testing: about a third of the groups of each class, decided by the groups' names alone, so
    that a later label never moves an earlier one from test to training."""
    first = {g: bool(fake[group == g][0]) for g in np.unique(group)}
    test: set[str] = set()
    for side in (True, False):
        mine = sorted(g for g, is_fake in first.items() if is_fake == side)
        test |= {g for g in mine if int(g[:8], 16) / 0xFFFFFFFF < TEST_SHARE}
    return np.array([g in test for g in group.tolist()])


def _enough(items: Sequence[Item], found: Sequence[Vote]) -> None:
    n_fake = sum(i.fake for i in items)
    n_real = len(items) - n_fake
    if min(n_fake, n_real) < 2 * LEAST:
        held = sorted({v.held for v in found if v.held})
        why = f" Held back: {'; '.join(held)}." if held else ""
        raise TooFewLabelsError(
            f"There are {n_real} real and {n_fake} fake labelled pictures and clips to train on.{why}",
            hint=f"At least {2 * LEAST} of each are needed, kept with consent and agreed on.",
        )


def _both_sides(labelled: Labelled) -> None:
    for test in (True, False):
        for fake in (True, False):
            chosen = (labelled.test == test) & (labelled.fake == fake)
            count = len(np.unique(labelled.group[chosen]))
            if count < LEAST:
                what = f"{'fake' if fake else 'real'} media with a face for {'testing' if test else 'training'}"
                raise TooFewLabelsError(f"There are only {count} {what}.", hint=f"{LEAST} are needed. Label more.")
