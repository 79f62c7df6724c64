"""Platt scaling of a detector on people that it was neither trained nor chosen on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.detectors.base import load_detector
from core.errors import WorkbenchError
from core.fusion.quality import QUALITY_BINS, quality_bins
from core.registry import Calibration, Card, QualityFit
from core.runtime.batching import run_batched
from core.training import metrics
from core.training.config import TrainConfig
from core.training.data.crops import Crops, build
from core.training.data.manifest import read_manifest
from core.training.data.testset import digest
from core.training.prepare import SPLITS
from core.training.validation import ValidationSet, make_validation

MIN_PER_CLASS = 50
PRIOR = 2.0
"""What a fit of one quality bin pays for leaving the common one, in nats: for b by 1, or for a by its whole."""
BATCH = 64
LEFT_OUT = SPLITS / "calibration-left-out.json"


class TooFewError(WorkbenchError):
    """Not enough items of a class for a fit that means anything."""

    code = "too_few"


def fit_platt(logit: npt.NDArray[np.float64], fake: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """(a, b) of P = sigmoid(a * logit + b) by maximum likelihood with Platt's softened targets (Platt, 1999).

    Both classes weigh the same however many items they have: P holds where a fake is as likely as not.

    Raises:
        TooFewError: fewer than 50 real or 50 fake items.
    """
    n_fake, n_real = int(fake.sum()), int((~fake).sum())
    if min(n_fake, n_real) < MIN_PER_CLASS:
        raise TooFewError(
            f"Calibration needs {MIN_PER_CLASS} real and {MIN_PER_CLASS} fake items; there are {n_real} and {n_fake}.",
            hint="Give more data.",
        )
    return _likeliest(logit, fake)


def _likeliest(
    logit: npt.NDArray[np.float64], fake: npt.NDArray[np.bool_], toward: tuple[float, float] | None = None
) -> tuple[float, float]:
    """(a, b), drawn ``toward`` others by a normal prior, :data:`PRIOR`."""
    from scipy.optimize import minimize

    n_fake, n_real = int(fake.sum()), int((~fake).sum())
    target = np.where(fake, (n_fake + 1.0) / (n_fake + 2.0), 1.0 / (n_real + 2.0))
    weight = metrics.even_weights(fake)
    middle = np.array(toward or (1.0, 0.0))
    pull = np.array([middle[0] ** -2, 1.0]) * (PRIOR / len(fake) if toward else 0.0)

    def loss(ab: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        z = ab[0] * logit + ab[1]
        value = weight @ (np.logaddexp(0.0, z) - target * z) + pull @ (ab - middle) ** 2
        slope = weight * (0.5 * (1.0 + np.tanh(0.5 * z)) - target)
        return float(value), np.array([slope @ logit, slope.sum()]) + 2.0 * pull * (ab - middle)

    best = minimize(loss, middle, jac=True, method="BFGS")
    return float(best.x[0]), float(best.x[1])


def cross_fitted(
    logit: npt.NDArray[np.float64],
    fake: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.str_],
    folds: int = 5,
    bins: npt.NDArray[np.str_] | None = None,
) -> npt.NDArray[np.float64]:
    """P(fake) of each item from a fit that did not see its identity, so that the error told is not the fit's own; by
    the fits of ``bins`` str[N] where these are given."""
    people = np.unique(groups)
    fold_of = dict(zip(people, np.random.default_rng(0).permutation(len(people)) % folds, strict=True))
    fold = np.array([fold_of[g] for g in groups])
    bins = np.full(len(logit), "") if bins is None else bins
    p = np.empty(len(logit))
    for k in range(folds):
        held = fold == k
        a, b = (np.full(len(logit), value) for value in _likeliest(logit[~held], fake[~held]))
        for name, own in fits_by_bin(logit[~held], fake[~held], bins[~held]).items():
            a[bins == name], b[bins == name] = own
        p[held] = 0.5 * (1.0 + np.tanh(0.5 * (a[held] * logit[held] + b[held])))
    return p


def fits_by_bin(
    logit: npt.NDArray[np.float64], fake: npt.NDArray[np.bool_], bins: npt.NDArray[np.str_]
) -> dict[str, tuple[float, float]]:
    """(a, b) of each quality bin with 50 items of a class, drawn toward the common fit: the fewer items, the nearer
    (partial pooling; Gelman and Hill, 2006, chapter 12)."""
    common = _likeliest(logit, fake)
    found: dict[str, tuple[float, float]] = {}
    for name in QUALITY_BINS:
        mine = bins == name
        if min((fake & mine).sum(), (~fake & mine).sum()) >= MIN_PER_CLASS:
            found[name] = _likeliest(logit[mine], fake[mine], common)
    return found


def left_out() -> set[str]:
    """sha256 of files of the calibration split that show people of the training split."""
    return set(json.loads(LEFT_OUT.read_text(encoding="utf-8"))["files"])


def calibration_crops(data: Path, store: Path, frames: int) -> Crops:
    """Crops of the real faces of the calibration split, without people who are in the training split."""
    others = left_out()
    items = [i for i in read_manifest(data) if i.split == "calib" and not i.fake and i.sha256 not in others]
    return build(data, items, store, frames=frames)


def calibration_set(config: TrainConfig, data: Path, store: Path) -> ValidationSet:
    """Real faces of the calibration split, each with one pseudo-fake, and both once more through a strong nuisance: how
    sure a detector may be of a worn picture is learned from worn pictures."""
    crops = calibration_crops(data, store, config.data.frames_per_clip)
    return make_validation(crops, config, seed=2, worn=True)


def calibrate(card: Card, known: ValidationSet, weights: Path) -> Calibration:
    """Fit the card's detector on ``known``; the ECE is cross-fitted by identity."""
    detector = load_detector(card, weights / card.weights.file, "cpu")
    logit = run_batched(detector.logits, known.pixels, BATCH).astype(np.float64)
    fit = fit_platt(logit, known.fake)
    bins = quality_bins(known.pixels)
    by_quality = {
        name: QualityFit(
            a=round(a, 6),
            b=round(b, 6),
            n_real=int((~known.fake & (bins == name)).sum()),
            n_fake=int((known.fake & (bins == name)).sum()),
        )
        for name, (a, b) in fits_by_bin(logit, known.fake, bins).items()
    }
    p = cross_fitted(logit, known.fake, known.identity, bins=bins)
    facts = {name: one.model_dump() for name, one in by_quality.items()}
    made = fitted(card, logit, known, fit, p, more={"by": facts})
    return made.model_copy(update={"by_quality": by_quality or None})


def calibrate_plainly(card: Card, logit: npt.NDArray[np.float64], known: ValidationSet) -> Calibration:
    """One fit for all items of ``known``, whose raw logits are float64[N]; the ECE is cross-fitted by identity.

    Raises:
        TooFewError: fewer than 50 real or 50 fake items.
    """
    fit = fit_platt(logit, known.fake)
    people = len(set(known.identity.tolist()))
    p = cross_fitted(logit, known.fake, known.identity, min(5, people))
    return fitted(card, logit, known, fit, p).model_copy(update={"people": people})


def fitted(
    card: Card,
    logit: npt.NDArray[np.float64],
    known: ValidationSet,
    fit: tuple[float, float],
    p: npt.NDArray[np.float64],
    *,
    more: Mapping[str, object] | None = None,
) -> Calibration:
    """What a card says of a fit (a, b) on ``known``.

    Args:
        logit: float64[N], raw.
        p: float64[N], cross-fitted P(fake), by which the ECE is told.
        more: what else the hash of the fit is over.
    """
    a, b = fit
    hashed = {"weights": card.weights.sha256, "a": a, "b": b, **(more or {}), "logits": np.round(logit, 4).tolist()}
    n_fake = int(known.fake.sum())
    return Calibration(
        a=round(a, 6),
        b=round(b, 6),
        n_real=len(logit) - n_fake,
        n_fake=n_fake,
        ece=round(metrics.ece(known.fake, p, even=True), 4),
        fit_sha256=digest(hashed),
    )
